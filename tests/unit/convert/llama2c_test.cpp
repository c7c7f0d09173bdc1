// Oracle: greedy ids that scripts/goldens/make_stories.py computed with NumPy from the same file.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/nn/kv_cache.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

const std::filesystem::path kStories = test::shared_dir() / "data/models/stories260K";

TEST(Llama2cTest, GreedyIdsAreThoseOfTheOtherReading) {
  if (!std::filesystem::exists(kStories)) GTEST_SKIP() << "skipped: " << kStories << " is absent";
  const auto expected =
      io::read_json_file(test::source_dir() / "tests/golden/stories/greedy.json")["ids"]
          .get<std::vector<int32_t>>();
  const LoadedModel loaded = load_model(kStories / "stories260K.bin");
  nn::KvCache cache(loaded.config, static_cast<int64_t>(expected.size()), at::kFloat);
  std::vector<int32_t> ids = {expected.front()};
  while (ids.size() < expected.size()) {
    const at::Tensor hidden = loaded.model->forward_cached({ids.back()}, cache);  // [1, D]
    ids.push_back(static_cast<int32_t>(loaded.model->logits(hidden).argmax(-1).item<int64_t>()));
  }
  EXPECT_EQ(ids, expected);
}

TEST(Llama2cTest, ItsTokenizerWritesTheStory) {
  if (!std::filesystem::exists(kStories)) GTEST_SKIP() << "skipped: " << kStories << " is absent";
  const ModelSource source = open_model(kStories / "stories260K.bin");
  ASSERT_NE(source.tokenizer, nullptr);
  EXPECT_EQ(source.tokenizer->vocab_size(), 512);
  const auto ids = source.tokenizer->encode("Once upon a time");
  EXPECT_EQ(source.tokenizer->decode(ids), "Once upon a time");
}

TEST(Llama2cTest, AFileThatIsSomethingElseIsRefused) {
  const test::TempDirectory directory;
  directory.file("short.bin", "abc");
  directory.file("pickle.bin", std::string(4000, 'P'));
  for (const char* name : {"short.bin", "pickle.bin"})
    EXPECT_THAT(test::error_text<core::FormatError>([&] { open_model(directory / name); }),
                testing::HasSubstr("expected a model of llama2.c, version 0"));
}

}  // namespace
}  // namespace llm::convert
