#include "llm/io/gguf.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "io/gguf_parser.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {

int64_t count_values(std::span<const int64_t> shape, const std::string& where) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  __int128 product = 1;
  for (const int64_t dimension : shape) {
    product *= dimension;
    if (product > std::numeric_limits<int64_t>::max()) {
      throw core::FormatError({.where = where,
                               .expected = "a tensor of less than 2^63 values",
                               .got = fmt::format("shape [{}]", fmt::join(shape, ", "))});
    }
  }
  return static_cast<int64_t>(product);
}

int64_t GgufTensor::num_values() const { return count_values(shape, name); }

GgufFile::GgufFile(const std::filesystem::path& path)
    : file_(path), name_(std::make_unique<const std::string>(path.string())) {
  if (file_.bytes().empty()) throw empty_file(path, "a GGUF file");
  GgufParser(*this).parse();
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = entry_index_.find(key);
  return found == entry_index_.end() ? nullptr : &entries_[found->second].value;
}

const GgufValue& GgufFile::get(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value != nullptr) return *value;
  throw core::FormatError({.where = *name_,
                           .expected = fmt::format("metadata entry {}", key),
                           .got = "none",
                           .hint = "The file is no complete model, or of another kind"});
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(std::string(name));
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const {
  if (tensor.begin == tensor.end) return {};
  return file_.bytes().subspan(data_start_ + tensor.begin, tensor.end - tensor.begin);
}

}  // namespace llm::io
