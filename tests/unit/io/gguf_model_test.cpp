// Oracle: a split model written by the Python package gguf (scripts/goldens/make_gguf.py), and
// shards changed by hand.
#include "llm/io/gguf_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "llm/core/error.h"
#include "llm/io/gguf_writer.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string shard_name(int number, int count = 3) {
  return "model-0000" + std::to_string(number) + "-of-0000" + std::to_string(count) + ".gguf";
}
std::filesystem::path golden_shard(int number) {
  return test::source_dir() / "tests/golden/gguf" / shard_name(number);
}

class GgufModels : public ::testing::Test {
 protected:
  GgufModels() {
    for (int i = 1; i <= 3; ++i) {
      std::filesystem::copy_file(golden_shard(i), directory_ / shard_name(i));
    }
  }
  std::string refusal(const std::filesystem::path& path) {
    return test::error_text<core::FormatError>([&] { GgufModel model(path); });
  }
  // Writes a shard with one tensor [1].
  void write_shard(int number, uint16_t split_no, uint16_t count, int32_t tensors,
                   const std::string& tensor) {
    GgufMetadata metadata;
    metadata.set("split.no", split_no);
    metadata.set("split.count", count);
    metadata.set("split.tensors.count", tensors);
    GgufWriter writer(directory_ / shard_name(number), metadata, {{.name = tensor, .shape = {1}}});
    writer.write_next(std::vector<std::byte>(4));
    writer.commit();
  }
  test::TempDirectory directory_;
};

TEST_F(GgufModels, AnyShardOpensTheWholeModel) {
  for (int number = 1; number <= 3; ++number) {
    const GgufModel model(golden_shard(number));
    EXPECT_EQ(model.shards().size(), 3u);
    EXPECT_EQ(model.metadata().get("general.name").as_string(), "split");
    ASSERT_EQ(model.tensors().size(), 5u);
    for (int i = 0; i < 5; ++i) {
      const GgufTensor* tensor = model.find_tensor("tensor." + std::to_string(i));
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(tensor->shard, i / 2);
      EXPECT_THAT(tensor->shape, ElementsAre(2, i + 1));
      float last = -1;
      const auto bytes = model.bytes(*tensor);
      ASSERT_EQ(bytes.size(), 8u * (i + 1));
      std::memcpy(&last, bytes.data() + bytes.size() - 4, 4);
      EXPECT_EQ(last, static_cast<float>(i));
    }
    EXPECT_EQ(model.find_tensor("none"), nullptr);
  }
}

TEST_F(GgufModels, OneFileIsAModel) {
  const GgufModel model(test::source_dir() / "tests/golden/gguf/mixed.gguf");
  EXPECT_EQ(model.shards().size(), 1u);
  EXPECT_EQ(model.tensors().size(), 9u);
}

TEST_F(GgufModels, NamesMissingShards) {
  std::filesystem::remove(directory_ / shard_name(1));
  std::filesystem::remove(directory_ / shard_name(3));
  EXPECT_THAT(refusal(directory_ / shard_name(2)),
              HasSubstr("all 3 parts of a split model in one folder, got 2 missing: "
                        "model-00001-of-00003.gguf, model-00003-of-00003.gguf. Fetch"));
}

TEST_F(GgufModels, RefusesARenamedShard) {
  std::filesystem::rename(directory_ / shard_name(2), directory_ / "part2.gguf");
  EXPECT_THAT(refusal(directory_ / "part2.gguf"),
              HasSubstr("a name that ends with -00002-of-00003.gguf"));
  std::filesystem::rename(directory_ / "part2.gguf", directory_ / shard_name(2));
  std::filesystem::copy_file(directory_ / shard_name(2), directory_ / shard_name(3),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(refusal(directory_ / shard_name(1)),
              HasSubstr("00003-of-00003.gguf: expected split.no 2, split.count 3, "
                        "split.tensors.count 5, as its name and the other parts say, got 1, 3, 5"));
}

TEST_F(GgufModels, RefusesShardsOfDifferentModels) {
  write_shard(3, 2, 3, 6, "tensor.4");
  EXPECT_THAT(refusal(directory_ / shard_name(1)), HasSubstr("got 2, 3, 6"));
  write_shard(3, 2, 3, 5, "tensor.0");
  EXPECT_THAT(refusal(directory_ / shard_name(1)),
              HasSubstr("00003-of-00003.gguf: tensor.0: expected every tensor in one part"));
}

TEST_F(GgufModels, CountsTheTensorsOfAllShards) {
  write_shard(1, 0, 2, 3, "a");
  std::filesystem::rename(directory_ / shard_name(1), directory_ / shard_name(1, 2));
  write_shard(1, 1, 2, 3, "b");
  std::filesystem::rename(directory_ / shard_name(1), directory_ / shard_name(2, 2));
  EXPECT_THAT(refusal(directory_ / shard_name(1, 2)),
              HasSubstr("expected 3 tensors, as split.tensors.count says, got 2 in 2 parts"));
}

TEST_F(GgufModels, RefusesAnImpossibleSplit) {
  write_shard(1, 3, 3, 1, "a");
  EXPECT_THAT(refusal(directory_ / shard_name(1)), HasSubstr("-00004-of-00003.gguf"));
}

}  // namespace
}  // namespace llm::io
