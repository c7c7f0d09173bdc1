// Oracle: the rules of the architectures, one broken shape each; every message carries its fix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "llm/arch/model_config.h"
#include "llm/core/error.h"

namespace llm::arch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ModelConfig small() {
  ModelConfig config;
  config.vocab_size = 128;
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 16;
  return config;
}

std::string problems_of(const ModelConfig& config) {
  try {
    validate(config, "config.json");
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "";
}

template <class Change>
std::string broken(Change change) {
  ModelConfig config = small();
  change(config);
  return problems_of(config);
}

TEST(Validate, AcceptsASoundConfig) { EXPECT_EQ(problems_of(small()), ""); }

TEST(Validate, HeadsThatDoNotDivideTheHiddenSizeGetTheNeighboursThatDo) {
  io::OrderedJson json = {{"model_type", "llama"},   {"vocab_size", 122100},
                          {"hidden_size", 3840},     {"intermediate_size", 10240},
                          {"num_hidden_layers", 28}, {"num_attention_heads", 28},
                          {"num_key_value_heads", 4}};
  for (const char* type : {"llama", "qwen3"}) {
    json["model_type"] = type;
    try {
      parse_model_config(json, "config.json");
      FAIL() << "28 heads were accepted";
    } catch (const core::ConfigError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("3840/28 = 137.14 is not whole"),
                                      HasSubstr("30 (head_dim 128) or 24 (head_dim 160)")));
    }
  }
  json["head_dim"] = 128;
  EXPECT_NO_THROW(parse_model_config(json, "config.json"));
  json["model_type"] = "llama";
  EXPECT_THROW(parse_model_config(json, "config.json"), core::ConfigError);
}

TEST(Validate, HeadDimIsEvenAndPositive) {
  EXPECT_THAT(broken([](auto& c) { c.head_dim = 15; }), HasSubstr("15 is not an even number"));
  EXPECT_THAT(broken([](auto& c) { c.head_dim = -2; }), HasSubstr("-2 is not an even number"));
  EXPECT_THAT(broken([](auto& c) { c.head_dim = 0; }), HasSubstr("0 is not an even number"));
  EXPECT_THAT(broken([](auto& c) {
                c.hidden_size = 60;
                c.head_dim = 15;
              }),
              HasSubstr("num_attention_heads to 5 (head_dim 12) or 3 (head_dim 20)"));
}

TEST(Validate, KeyValueHeadsDivideTheHeads) {
  EXPECT_THAT(broken([](auto& c) { c.num_key_value_heads = 3; }),
              AllOf(HasSubstr("3 does not divide num_attention_heads 4"), HasSubstr("2 or 4")));
  EXPECT_THAT(broken([](auto& c) { c.num_key_value_heads = 8; }), HasSubstr("Set it to 4"));
}

TEST(Validate, SizesAreAtLeastOneAndFit32Bits) {
  for (int64_t ModelConfig::*size :
       {&ModelConfig::vocab_size, &ModelConfig::hidden_size, &ModelConfig::intermediate_size,
        &ModelConfig::num_hidden_layers, &ModelConfig::num_attention_heads,
        &ModelConfig::num_key_value_heads, &ModelConfig::max_position_embeddings}) {
    EXPECT_THAT(broken([&](auto& c) { c.*size = 0; }), HasSubstr("0 is less than 1"));
    EXPECT_THAT(broken([&](auto& c) { c.*size = -7; }), HasSubstr("-7 is less than 1"));
    EXPECT_THAT(broken([&](auto& c) { c.*size = std::numeric_limits<int64_t>::max(); }),
                HasSubstr("is too large"));
  }
}

// Sizes that would keep the machine busy for ever before anything else noticed them.
TEST(Validate, ListsPerLayerAndTablesPerHeadAreBounded) {
  EXPECT_THAT(broken([](auto& c) { c.num_hidden_layers = 40000000; }),
              HasSubstr("40000000 is too large. Set it to 65536 or less"));
  EXPECT_THAT(broken([](auto& c) { c.num_attention_heads = c.num_key_value_heads = 1 << 20; }),
              HasSubstr("num_attention_heads: 1048576 is too large"));
  EXPECT_THAT(broken([](auto& c) { c.head_dim = 1 << 20; }), HasSubstr("1048576 is not an even"));
}

TEST(Validate, SizesWhoseProductOverflowsAreRefused) {
  EXPECT_THAT(broken([](auto& c) {
                c.num_hidden_layers = 65536;
                c.hidden_size = 65536;
                c.head_dim = 16384;
                c.intermediate_size = 2000000000;
              }),
              AllOf(HasSubstr("2.58e+19 parameters"), HasSubstr("overflows")));
}

TEST(Validate, TokenIdsLieInTheVocabulary) {
  EXPECT_THAT(broken([](auto& c) { c.bos_token_id = 128; }),
              AllOf(HasSubstr("bos_token_id: 128"), HasSubstr("0 to 127")));
  EXPECT_THAT(broken([](auto& c) { c.pad_token_id = -1; }), HasSubstr("pad_token_id: -1"));
  EXPECT_THAT(broken([](auto& c) { c.eos_token_ids = {5, 500}; }), HasSubstr("eos_token_id: 500"));
}

TEST(Validate, BiasesOnlyWhereTheArchitectureHasThem) {
  EXPECT_THAT(broken([](auto& c) {
                c.architecture = Architecture::kMistral;
                c.attention_bias = true;
              }),
              HasSubstr("mistral has no such switch"));
  EXPECT_THAT(broken([](auto& c) {
                c.architecture = Architecture::kQwen3;
                c.mlp_bias = true;
              }),
              HasSubstr("qwen3 has no such switch"));
}

TEST(Validate, NumbersAreInRange) {
  EXPECT_THAT(broken([](auto& c) { c.rms_norm_eps = 0; }), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(broken([](auto& c) { c.rms_norm_eps = std::nan(""); }), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(broken([](auto& c) { c.initializer_range = -1; }), HasSubstr("initializer_range"));
  EXPECT_THAT(broken([](auto& c) { c.dtype = "int8"; }), HasSubstr("int8"));
}

TEST(Validate, RopeParametersAreInRange) {
  EXPECT_THAT(broken([](auto& c) { c.rope.theta = 1; }), HasSubstr("rope_theta: 1"));
  EXPECT_THAT(broken([](auto& c) { c.rope = {.type = RopeType::kLinear, .factor = 0.5}; }),
              HasSubstr("0.5 is less than 1"));
  EXPECT_THAT(
      broken([](auto& c) {
        c.rope = {
            .type = RopeType::kLlama3, .factor = 8, .low_freq_factor = 4, .high_freq_factor = 4};
      }),
      HasSubstr("0 < low < high"));
  EXPECT_THAT(broken([](auto& c) {
                c.rope = {.type = RopeType::kYarn, .factor = 4, .beta_fast = 1, .beta_slow = 2};
              }),
              HasSubstr("0 < slow < fast"));
  EXPECT_THAT(broken([](auto& c) {
                c.rope = {
                    .type = RopeType::kYarn, .factor = 4, .original_max_position_embeddings = 4096};
              }),
              HasSubstr("4096 is not between 1 and max_position_embeddings 2048"));
  EXPECT_THAT(broken([](auto& c) {
                c.rope = {.type = RopeType::kDynamic, .factor = 2};
                c.head_dim = 2;
              }),
              HasSubstr("head_dim of 4"));
}

TEST(Validate, ListsAllProblemsAtOnce) {
  EXPECT_THAT(broken([](auto& c) {
                c.num_hidden_layers = 0;
                c.num_key_value_heads = 3;
                c.bos_token_id = 999;
              }),
              AllOf(HasSubstr("config.json"), HasSubstr("3 problems"),
                    HasSubstr("num_hidden_layers"), HasSubstr("num_key_value_heads"),
                    HasSubstr("bos_token_id"), Not(HasSubstr("parameters"))));
}

}  // namespace
}  // namespace llm::arch
