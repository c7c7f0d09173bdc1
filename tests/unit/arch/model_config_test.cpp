// Oracle: config.json files as published (SmolLM2, Llama 3.2, Qwen2.5, Qwen3) and transformers'
// config classes for what absent keys mean; to_json and parse_model_config are each other's
// inverse.
#include "llm/arch/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::arch {
namespace {

using io::OrderedJson;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

OrderedJson small_config(const char* model_type = "llama") {
  return {{"model_type", model_type}, {"vocab_size", 128},      {"hidden_size", 64},
          {"intermediate_size", 96},  {"num_hidden_layers", 2}, {"num_attention_heads", 4},
          {"sliding_window", nullptr}};
}

OrderedJson with(OrderedJson json, const char* key, OrderedJson value) {
  json[key] = std::move(value);
  return json;
}

std::string error_of(const OrderedJson& json, const ReadOptions& options = {}) {
  try {
    parse_model_config(json, "config.json", options);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModelConfig, ReadsSmolLm2AsPublished) {
  const ModelConfig config = parse_model_config(OrderedJson::parse(R"({
    "_name_or_path": "x", "architectures": ["LlamaForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "silu",
    "hidden_size": 576, "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
    "is_llama_config": true, "max_position_embeddings": 8192, "mlp_bias": false,
    "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
    "num_key_value_heads": 3, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
    "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.40.1",
    "use_cache": true, "vocab_size": 49152})"),
                                                "config.json", {.strict = true});
  EXPECT_EQ(config.architecture, Architecture::kLlama);
  EXPECT_EQ(config.head_dim, 64);
  EXPECT_EQ(config.num_key_value_heads, 3);
  EXPECT_EQ(config.rope.theta, 100000);
  EXPECT_EQ(config.dtype, "bfloat16");
  EXPECT_THAT(config.eos_token_ids, ElementsAre(0));
  EXPECT_FALSE(config.pad_token_id.has_value());
  EXPECT_EQ(config.inert.at("pretraining_tp"), 1);
  EXPECT_FALSE(config.inert.contains("hidden_act"));
}

TEST(ModelConfig, AbsentKeysMeanWhatTheyMeanToTransformers) {
  const ModelConfig llama = parse_model_config(small_config(), "c");
  EXPECT_EQ(llama.num_key_value_heads, 4);
  EXPECT_EQ(llama.head_dim, 16);
  EXPECT_EQ(llama.max_position_embeddings, 2048);
  EXPECT_EQ(llama.bos_token_id, 1);
  EXPECT_THAT(llama.eos_token_ids, ElementsAre(2));
  EXPECT_EQ(llama.rms_norm_eps, 1e-6);
  EXPECT_EQ(llama.dtype, "float32");
  const ModelConfig qwen = parse_model_config(small_config("qwen3"), "c");
  EXPECT_EQ(qwen.max_position_embeddings, 32768);
  EXPECT_FALSE(qwen.bos_token_id.has_value());
  EXPECT_TRUE(qwen.eos_token_ids.empty());
  OrderedJson nulls =
      with(with(small_config(), "head_dim", nullptr), "num_key_value_heads", nullptr);
  nulls["bos_token_id"] = nullptr;
  EXPECT_EQ(parse_model_config(nulls, "c").head_dim, 16);
  EXPECT_FALSE(parse_model_config(nulls, "c").bos_token_id.has_value());
}

TEST(ModelConfig, BiasesAndNormsFollowTheArchitecture) {
  const ModelConfig qwen2 = parse_model_config(small_config("qwen2"), "c");
  EXPECT_TRUE(qwen2.has_qkv_bias());
  EXPECT_FALSE(qwen2.has_output_bias());
  const auto biased = with(small_config("qwen3"), "attention_bias", true);
  EXPECT_TRUE(parse_model_config(biased, "c").has_output_bias());
  EXPECT_TRUE(parse_model_config(biased, "c").has_qk_norm());
  EXPECT_FALSE(parse_model_config(small_config("mistral"), "c").has_qkv_bias());
}

TEST(ModelConfig, ArchitectureComesFromEitherKey) {
  OrderedJson json = small_config();
  json.erase("model_type");
  EXPECT_THAT(error_of(json), HasSubstr("neither model_type nor architectures"));
  json["architectures"] = {"Qwen3ForCausalLM"};
  EXPECT_EQ(parse_model_config(json, "c").architecture, Architecture::kQwen3);
  json["model_type"] = "llama";
  EXPECT_THAT(error_of(json), HasSubstr("LlamaForCausalLM"));
  EXPECT_THAT(error_of(small_config("mixtral")), AllOf(HasSubstr("mixtral"), HasSubstr("qwen3")));
  EXPECT_THAT(error_of(with(small_config(), "architectures", {"LlamaForSequenceClassification"})),
              HasSubstr("SequenceClassification"));
}

TEST(ModelConfig, EosMayBeAList) {
  const auto json = with(small_config(), "eos_token_id", {3, 4});
  EXPECT_THAT(parse_model_config(json, "c").eos_token_ids, ElementsAre(3, 4));
  EXPECT_EQ(to_json(parse_model_config(json, "c")).at("eos_token_id"), OrderedJson({3, 4}));
  EXPECT_THAT(error_of(with(small_config(), "eos_token_id", {3, "x"})), HasSubstr("eos_token_id"));
}

TEST(ModelConfig, BothDtypeSpellingsAreRead) {
  EXPECT_EQ(parse_model_config(with(small_config(), "dtype", "bfloat16"), "c").dtype, "bfloat16");
  OrderedJson both = with(small_config(), "dtype", "bfloat16");
  both["torch_dtype"] = "float16";
  EXPECT_THAT(error_of(both), HasSubstr("disagrees with torch_dtype"));
}

TEST(ModelConfig, KeysSupportedAtOneValueOnly) {
  const auto refused = [](const char* type, const char* key, OrderedJson value) {
    return error_of(with(small_config(type), key, std::move(value)));
  };
  EXPECT_THAT(refused("llama", "hidden_act", "gelu"),
              AllOf(HasSubstr("SwiGLU"), HasSubstr("silu")));
  EXPECT_THAT(refused("llama", "attention_dropout", 0.1), HasSubstr("dropout"));
  EXPECT_THAT(refused("llama", "quantization_config", {{"bits", 4}}), HasSubstr("quantised"));
  EXPECT_THAT(refused("llama", "partial_rotary_factor", 0.5), HasSubstr("part of each head"));
  EXPECT_THAT(refused("mistral", "sliding_window", 4096), HasSubstr("sliding window"));
  EXPECT_THAT(refused("qwen2", "use_sliding_window", true), HasSubstr("sliding window"));
  EXPECT_THAT(refused("qwen3", "layer_types", {"full_attention", "sliding_attention"}),
              HasSubstr("sliding window"));
  EXPECT_THAT(refused("qwen3", "layer_types", {"full_attention"}),
              HasSubstr("num_hidden_layers 2"));
  EXPECT_EQ(refused("qwen3", "layer_types", {"full_attention", "full_attention"}), "no error");
  EXPECT_EQ(refused("qwen2", "sliding_window", 32768), "no error");
  EXPECT_EQ(refused("llama", "attention_dropout", 0), "no error");
  OrderedJson mistral = small_config("mistral");
  mistral.erase("sliding_window");
  EXPECT_THAT(error_of(mistral), HasSubstr("4096"));
}

TEST(ModelConfig, UnknownKeysAreReportedKeptAndRefusedUnderStrict) {
  OrderedJson json = with(small_config(), "num_experts", 8);
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}, {"wobble", 1}};
  ReadReport report;
  const ModelConfig config = parse_model_config(json, "c", {}, &report);
  EXPECT_THAT(report.unknown_keys, ElementsAre("num_experts", "rope_scaling.wobble"));
  EXPECT_EQ(to_json(config).at("num_experts"), 8);
  EXPECT_EQ(to_json(config).at("rope_scaling").at("wobble"), 1);
  EXPECT_THAT(error_of(json, {.strict = true}),
              AllOf(HasSubstr("num_experts: unknown key"), HasSubstr("rope_scaling.wobble")));
}

TEST(ModelConfig, AnUnknownKeyHasANearestKnownOne) {
  EXPECT_EQ(nearest_key(Architecture::kLlama, "num_hidden_layer"), "num_hidden_layers");
  EXPECT_EQ(nearest_key(Architecture::kQwen3, "rope_thetas"), "rope_theta");
  EXPECT_EQ(nearest_key(Architecture::kLlama, "wobble"), "");
}

TEST(ModelConfig, AFileThatGivesAKeyTwiceIsRefused) {
  const test::TempDirectory folder;
  std::string text = small_config().dump();
  text.insert(1, "\"hidden_size\": 32, ");
  const auto path = folder.file("config.json", text);
  EXPECT_THAT(test::error_text<core::FormatError>([&] { read_model_config(path); }),
              HasSubstr("\"hidden_size\" twice"));
}

TEST(ModelConfig, EveryMistypedOrMissingKeyIsListedAtOnce) {
  OrderedJson json = small_config();
  json.erase("vocab_size");
  json["hidden_size"] = 64.5;
  json["tie_word_embeddings"] = "yes";
  json["rms_norm_eps"] = "small";
  EXPECT_THAT(error_of(json),
              AllOf(HasSubstr("config.json: expected"), HasSubstr("4 problems"),
                    HasSubstr("vocab_size: missing"), HasSubstr("hidden_size: expected a whole"),
                    HasSubstr("tie_word_embeddings: expected true or false, got \"yes\""),
                    HasSubstr("rms_norm_eps: expected a number")));
}

TEST(ModelConfig, BothRopeSpellingsMeanTheSame) {
  OrderedJson legacy = small_config(), current = small_config();
  legacy["rope_theta"] = 500000.0;
  legacy["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 512}};
  current["rope_parameters"] = legacy["rope_scaling"];
  current["rope_parameters"]["rope_theta"] = 500000.0;
  const ModelConfig config = parse_model_config(legacy, "c");
  EXPECT_EQ(config, parse_model_config(current, "c"));
  EXPECT_EQ(config.rope.type, RopeType::kLlama3);
  EXPECT_EQ(config.rope_original_length(), 512);
  OrderedJson both = legacy;
  both["rope_parameters"] = current["rope_parameters"];
  EXPECT_EQ(error_of(both), "no error");
  both["rope_parameters"]["factor"] = 4.0;
  EXPECT_THAT(error_of(both), HasSubstr("disagrees"));
  current["rope_theta"] = 1e4;
  EXPECT_THAT(error_of(current), HasSubstr("disagrees"));
}

TEST(ModelConfig, RopeScalingNeedsItsKeys) {
  const auto refused = [](OrderedJson scaling) {
    return error_of(with(small_config(), "rope_scaling", std::move(scaling)));
  };
  EXPECT_THAT(refused({{"type", "linear"}}), HasSubstr("rope_scaling.factor: missing"));
  EXPECT_THAT(refused({{"type", "llama3"}, {"factor", 8}}),
              AllOf(HasSubstr("low_freq_factor: missing"), HasSubstr("high_freq_factor: missing")));
  EXPECT_THAT(refused({{"rope_type", "longrope"}, {"factor", 8}}),
              AllOf(HasSubstr("longrope"), HasSubstr("yarn and llama3")));
  EXPECT_THAT(refused("linear"), HasSubstr("rope_scaling"));
}

TEST(ModelConfig, YarnWithoutFactorUsesTheRatioOfLengths) {
  const auto json = with(small_config(), "rope_scaling",
                         {{"type", "yarn"},
                          {"original_max_position_embeddings", 512},
                          {"factor", nullptr},
                          {"finetuned", true}});
  const ModelConfig config = parse_model_config(json, "c", {.strict = true});
  EXPECT_EQ(config.rope.factor, 4.0);
  EXPECT_EQ(to_json(config).at("rope_scaling").at("finetuned"), true);
}

TEST(ModelConfig, WritesTheLegacySpellingsInAlphabeticalOrder) {
  OrderedJson json = small_config("qwen2");
  json["rope_parameters"] = {{"rope_type", "yarn"},
                             {"rope_theta", 1e6},
                             {"factor", 4.0},
                             {"original_max_position_embeddings", 8192}};
  json["transformers_version"] = "5.0.0";
  json["dtype"] = "bfloat16";
  const OrderedJson out = to_json(parse_model_config(json, "c"));
  EXPECT_EQ(out.at("architectures"), OrderedJson::parse(R"(["Qwen2ForCausalLM"])"));
  EXPECT_EQ(out.at("rope_theta"), 1e6);
  EXPECT_EQ(out.at("rope_scaling").at("rope_type"), "yarn");
  EXPECT_EQ(out.at("rope_scaling").at("type"), "yarn");
  EXPECT_EQ(out.at("torch_dtype"), "bfloat16");
  EXPECT_EQ(out.at("transformers_version"), "5.0.0");
  EXPECT_FALSE(out.contains("rope_parameters"));
  EXPECT_FALSE(out.contains("dtype"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : out.items()) keys.push_back(key);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(ModelConfig, WrittenConfigsReadBackEqual) {
  for (const char* type : {"llama", "mistral", "qwen2", "qwen3"}) {
    for (const char* scaling :
         {"null", R"({"type": "linear", "factor": 2.5})",
          R"({"rope_type": "dynamic", "factor": 3})",
          R"({"type": "yarn", "factor": 4, "beta_fast": 20, "mscale": 0.7, "truncate": false})",
          R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
              "original_max_position_embeddings": 256})"}) {
      OrderedJson json = with(small_config(type), "rope_scaling", OrderedJson::parse(scaling));
      json["use_cache"] = true;
      json["an_unknown_key"] = {{"z", 1}, {"a", 2}};
      json["eos_token_id"] = {1, 2};
      json["pad_token_id"] = 5;
      json["tie_word_embeddings"] = true;
      json["initializer_range"] = 0.1;
      const ModelConfig config = parse_model_config(json, "c");
      EXPECT_EQ(parse_model_config(to_json(config), "c"), config) << type << scaling;
    }
  }
}

}  // namespace
}  // namespace llm::arch
