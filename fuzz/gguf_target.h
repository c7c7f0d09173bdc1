// What the GGUF reader is held to under arbitrary bytes: a typed exception (core::Error), or a file
// whose every value and tensor can be read, whose tensors decode where their type has a decoder,
// and whose metadata survive being written. Shared by gguf_fuzz and tests/property/io.
#pragma once

#include <cmath>

#include "io_targets.h"
#include "llm/io/gguf.h"
#include "llm/io/gguf_writer.h"
#include "llm/io/quant.h"

namespace llm::fuzz {

// Every getter either answers or refuses.
inline void read_gguf_value(const io::GgufValue& value, int depth = 0) {
  expect(depth <= 8, "arrays nested deeper than the reader allows");
  accepts([&] { value.as_bool(); });
  accepts([&] { value.as_int(); });
  accepts([&] { value.as_uint(); });
  accepts([&] { value.as_float(); });
  accepts([&] {
    for (const char c : value.as_string()) touch(static_cast<std::byte>(c));
  });
  accepts([&] {
    for (const std::string_view text : value.as_strings()) {
      if (!text.empty()) touch(static_cast<std::byte>(text.back()));
    }
  });
  accepts([&] { value.as_ints(); });
  accepts([&] { value.as_floats(); });
  accepts([&] { value.as_bools(); });
  accepts([&] {
    const auto elements = value.as_array();
    expect(elements.size() == value.size(), "an array of another size");
    if (value.element_type() != io::GgufType::kArray) return;
    for (const io::GgufValue& element : elements) read_gguf_value(element, depth + 1);
  });
}

inline void read_gguf_tensor(const io::GgufFile& file, const io::GgufTensor& tensor) {
  expect(file.find_tensor(tensor.name) == &tensor, "a tensor that its name does not find");
  const auto bytes = file.bytes(tensor);
  if (!bytes.empty()) touch(bytes.back());
  const auto values = static_cast<uint64_t>(tensor.num_values());
  expect(bytes.size() == io::quant_bytes(tensor.type, values), "bytes of another size");
  if (!io::quant_block(tensor.type).can_decode) return;
  std::vector<float> decoded(values);
  io::dequantize(tensor.type, bytes, decoded);
  if (!io::quant_block(tensor.type).can_encode) return;
  std::vector<std::byte> encoded(bytes.size());
  accepts([&] { io::quantize(tensor.type, decoded, encoded); });
}

inline void rewrite_gguf_metadata(const io::GgufFile& file) {
  io::GgufMetadata metadata;
  for (const io::GgufEntry& entry : file.entries()) {
    if (entry.key != "general.alignment") metadata.set(entry.key, entry.value);
  }
  touch(static_cast<std::byte>(metadata.bytes().size()));
}

inline bool gguf(std::string_view bytes) {
  const MemoryFile memory(bytes);
  return accepts([&] {
    const io::GgufFile file(memory.path());
    for (const io::GgufEntry& entry : file.entries()) {
      expect(file.find(entry.key) == &entry.value, "a value that its key does not find");
      read_gguf_value(entry.value);
    }
    for (const io::GgufTensor& tensor : file.tensors()) read_gguf_tensor(file, tensor);
    rewrite_gguf_metadata(file);
  });
}

}  // namespace llm::fuzz
