// Oracle: the identity read(write(x)) == x over random metadata and tensors, whatever the
// alignment; equal input gives equal bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "llm/core/rng.h"
#include "llm/io/gguf.h"
#include "llm/io/gguf_writer.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

struct RandomGguf {
  explicit RandomGguf(uint64_t seed) : random(22, seed) {
    if (random.next_below(2) == 0) metadata.set_alignment(8u << random.next_below(6));
    for (uint64_t i = random.next_below(12); i > 0; --i) add_strings();
    for (uint64_t i = random.next_below(12); i > 0; --i) add_floats();
    for (uint64_t i = random.next_below(6); i > 0; --i) add_tensor();
  }

  std::string next_text() {
    std::string text(random.next_below(40), '\0');
    for (char& c : text) c = static_cast<char>(random.next_u32());
    return text;
  }
  void add_strings() {
    std::vector<std::string> list(random.next_below(50));
    for (std::string& text : list) text = next_text();
    metadata.set("strings." + std::to_string(strings.size()), list);
    strings.push_back(std::move(list));
  }
  void add_floats() {
    std::vector<float> list(random.next_below(50));
    for (float& value : list) value = static_cast<float>(random.next_normal());
    metadata.set("floats." + std::to_string(floats.size()), list);
    floats.push_back(std::move(list));
  }
  void add_tensor() {
    static constexpr GgmlType kTypes[] = {GgmlType::kF32, GgmlType::kF16, GgmlType::kQ4_0,
                                          GgmlType::kQ6_K, GgmlType::kI8};
    GgufTensor tensor;
    tensor.name = "t" + std::to_string(tensors.size());
    tensor.type = kTypes[random.next_below(5)];
    for (uint64_t i = random.next_below(4); i > 0; --i) {
      tensor.shape.push_back(static_cast<int64_t>(random.next_below(4)));
    }
    tensor.shape.push_back(quant_block(tensor.type).values *
                           static_cast<int64_t>(random.next_below(4)));
    const auto values = static_cast<uint64_t>(tensor.num_values());
    std::vector<std::byte> bytes(quant_bytes(tensor.type, values));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next_u32());
    tensors.push_back(tensor);
    data.push_back(std::move(bytes));
  }
  void write(const std::filesystem::path& path) const {
    GgufWriter writer(path, metadata, tensors);
    for (const auto& bytes : data) writer.write_next(bytes);
    writer.commit();
  }

  core::PhiloxStream random;
  GgufMetadata metadata;
  std::vector<std::vector<std::string>> strings;
  std::vector<std::vector<float>> floats;
  std::vector<GgufTensor> tensors;
  std::vector<std::vector<std::byte>> data;
};

void expect_equal(const RandomGguf& written, const GgufFile& file) {
  EXPECT_EQ(file.entries().size(), written.metadata.size());
  EXPECT_EQ(file.alignment(), written.metadata.alignment());
  for (size_t i = 0; i < written.strings.size(); ++i) {
    const auto list = file.get("strings." + std::to_string(i)).as_strings();
    EXPECT_EQ(std::vector<std::string>(list.begin(), list.end()), written.strings[i]);
  }
  for (size_t i = 0; i < written.floats.size(); ++i) {
    EXPECT_EQ(file.get("floats." + std::to_string(i)).as_floats(), written.floats[i]);
  }
  ASSERT_EQ(file.tensors().size(), written.tensors.size());
  for (size_t i = 0; i < written.tensors.size(); ++i) {
    const GgufTensor& tensor = file.tensors()[i];
    EXPECT_EQ(tensor.name, written.tensors[i].name);
    EXPECT_EQ(tensor.type, written.tensors[i].type);
    EXPECT_EQ(tensor.shape, written.tensors[i].shape);
    EXPECT_EQ((file.data_start() + tensor.begin) % file.alignment(), 0u);
    const auto bytes = file.bytes(tensor);
    EXPECT_TRUE(
        std::equal(bytes.begin(), bytes.end(), written.data[i].begin(), written.data[i].end()));
  }
}

TEST(GgufRoundTrip, WhatIsWrittenIsRead) {
  const test::TempDirectory directory;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGguf written(seed);
    written.write(directory / "a.gguf");
    expect_equal(written, GgufFile(directory / "a.gguf"));
    RandomGguf(seed).write(directory / "b.gguf");
    EXPECT_EQ(test::read_bytes(directory / "a.gguf"), test::read_bytes(directory / "b.gguf"));
  }
}

}  // namespace
}  // namespace llm::io
