// Oracle: the meaning of generation_config.json in transformers, by hand.
#include "llm/chat/model_settings.h"

#include <gtest/gtest.h>

#include "unit/generate/fakes.h"

namespace llm::chat {
namespace {

TEST(ModelSettings, HintsReplaceBuiltInDefaultsOneByOne) {
  convert::GenerationConfig hints;
  hints.top_p = 0.8;
  hints.repetition_penalty = 1.05;
  const auto config = sampling_defaults(hints);
  EXPECT_EQ(config.top_p, 0.8);
  EXPECT_EQ(config.repeat_penalty, 1.05);
  EXPECT_EQ(config.repeat_last_n, -1);
  EXPECT_EQ(config.top_k, generate::SamplingConfig{}.top_k);
}

TEST(ModelSettings, NotSamplingIsTemperatureZero) {
  convert::GenerationConfig hints;
  hints.do_sample = false;
  hints.temperature = 0.7;
  EXPECT_EQ(sampling_defaults(hints).temperature, 0);
  hints.do_sample = true;
  EXPECT_EQ(sampling_defaults(hints).temperature, 0.7);
}

TEST(ModelSettings, StopIdsAreTheUnion) {
  convert::LoadedModel model;
  model.tokenizer = std::make_shared<generate::testing::ByteTokenizer>();  // 256
  model.config.eos_token_ids = {2, 256};
  model.generation.eos_token_ids = {7, 2};
  EXPECT_EQ(stop_ids(model), (std::vector<int32_t>{2, 7, 256}));
}

}  // namespace
}  // namespace llm::chat
