// Oracle: PEFT's rules for names and scales, written out case by case (huggingface/peft 0.21,
// tuners/tuners_utils.py check_target_module_exists, utils/other.py get_pattern_key).
#include "llm/arch/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/tiny_config.h"

namespace llm::arch {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHead = R"("peft_type": "LORA", "task_type": "CAUSAL_LM")";

LoraConfig parse(const std::string& keys, ReadReport* report = nullptr) {
  return parse_lora_config(
      io::parse_ordered_json(std::string("{") + kHead + ", " + keys + "}", "test"), "test", report);
}

std::string refusal(const std::string& keys) {
  return test::error_text<core::ConfigError>([&] { parse(keys); });
}

std::vector<std::string> modules(const std::string& keys, bool tied = false) {
  std::vector<std::string> names;
  for (const LoraModule& module :
       lora_layout(parse(keys), test::tiny_config(Architecture::kLlama, tied), "test").modules)
    names.push_back(module.name);
  return names;
}

TEST(LoraConfigTest, RoundTripsWithEveryKey) {
  const LoraConfig config = parse(R"("r": 16, "lora_alpha": 32, "lora_dropout": 0.05,
    "use_rslora": true, "target_modules": ["q_proj", "up_proj"], "exclude_modules": "x.*",
    "layers_to_transform": 1, "layers_pattern": "layers", "rank_pattern": {"b": 2, "a": 3},
    "alpha_pattern": {"c": 1.5}, "modules_to_save": ["lm_head"], "ensure_weight_tying": true,
    "init_lora_weights": "gaussian", "base_model_name_or_path": "x/y", "inference_mode": false,
    "mine": [1], "revision": null)");
  EXPECT_EQ(config.rank_pattern.front().first, "b");  // patterns are tried in order
  EXPECT_EQ(config.inert.size(), 2u);
  EXPECT_EQ(parse_lora_config(to_json(config), "test"), config);
  EXPECT_EQ(parse_lora_config(to_json(parse(R"("target_modules": "all-linear")")), "test"),
            parse(R"("target_modules": "all-linear")"));
}

TEST(LoraConfigTest, UnknownKeysAreNamed) {
  ReadReport report;
  parse(R"("target_modules": ["q_proj"], "revision": null, "mine": 1)", &report);
  EXPECT_THAT(report.unknown_keys, ElementsAre("mine"));
}

TEST(LoraConfigTest, RefusesWhatItCannotApplyByName) {
  EXPECT_THAT(refusal(R"("target_modules": ["q"], "use_dora": true)"),
              HasSubstr("use_dora: true: DoRA"));
  EXPECT_THAT(
      refusal(R"("target_modules": ["q"], "bias": "all", "init_lora_weights": "pissa")"),
      AllOf(HasSubstr("2 problems"), HasSubstr("bias: \"all\""),
            HasSubstr("init_lora_weights: \"pissa\": this initialisation changes the base")));
  EXPECT_THAT(refusal(R"("target_modules": ["q"], "r": 0)"), HasSubstr("r: a rank of 0"));
  EXPECT_THAT(refusal(R"("target_modules": 3)"), HasSubstr("target_modules: expected a list"));
  EXPECT_THAT(refusal(R"("target_modules": [])"), HasSubstr("target_modules: missing or empty"));
  EXPECT_THAT(refusal(R"("target_modules": ["q"], "rank_pattern": {"a": 1.5})"),
              HasSubstr("rank_pattern: expected an object of numbers"));
  EXPECT_THAT(refusal(R"("target_modules": "q.*", "layers_to_transform": [1])"),
              HasSubstr("layers_to_transform: beside a regular expression"));
  EXPECT_THAT(test::error_text<core::ConfigError>([] {
                parse_lora_config(io::parse_ordered_json(R"({"peft_type": "IA3"})", "t"), "t");
              }),
              AllOf(HasSubstr("peft_type: \"IA3\": only LoRA"), HasSubstr("task_type: missing")));
}

TEST(LoraLayoutTest, FindsTargetsAsPeftDoes) {
  EXPECT_THAT(modules(R"("target_modules": ["q_proj", "0.mlp.down_proj"])"),
              ElementsAre("model.layers.0.self_attn.q_proj", "model.layers.0.mlp.down_proj",
                          "model.layers.1.self_attn.q_proj"));
  EXPECT_THAT(modules(R"("target_modules": "model\\.layers\\.1\\..*(q|up)_proj")"),
              ElementsAre("model.layers.1.self_attn.q_proj", "model.layers.1.mlp.up_proj"));
  EXPECT_EQ(modules(R"("target_modules": "All-Linear")").size(), 14u);
  EXPECT_THAT(modules(R"("target_modules": ["v_proj"], "layers_to_transform": [1])"),
              ElementsAre("model.layers.1.self_attn.v_proj"));
  EXPECT_THAT(modules(R"("target_modules": ["v_proj"], "exclude_modules": ["0.self_attn.v_proj"])"),
              ElementsAre("model.layers.1.self_attn.v_proj"));
  EXPECT_THAT(modules(R"("target_modules": ["lm_head"])", true), ElementsAre("lm_head"));
  EXPECT_THAT(modules(R"("target_modules": ["q_proj", "lm_head"], "modules_to_save": ["lm_head"])"),
              testing::SizeIs(2));
}

TEST(LoraLayoutTest, GivesRankAndScaleByPattern) {
  const LoraLayout layout =
      lora_layout(parse(R"("r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj"],
        "rank_pattern": {"layers.1.self_attn.q_proj": 16, "q_proj": 2},
        "alpha_pattern": {"k_pro.": 1})"),
                  test::tiny_config(), "test");
  ASSERT_EQ(layout.modules.size(), 4u);
  EXPECT_EQ(layout.modules[0].rank, 2);
  EXPECT_EQ(layout.modules[0].scale, 4);
  EXPECT_EQ(layout.modules[1].scale, 0.25);
  EXPECT_EQ(layout.modules[2].rank, 16);
  EXPECT_EQ(layout.modules[1].in, 32);
  EXPECT_EQ(layout.modules[1].out, 16);
  const LoraLayout stable = lora_layout(
      parse(R"("r": 4, "lora_alpha": 8, "use_rslora": true, "target_modules": ["q_proj"])"),
      test::tiny_config(), "test");
  EXPECT_EQ(stable.modules[0].scale, 8 / std::sqrt(4.0));
}

TEST(LoraLayoutTest, StoresWholeModulesByTheEndOfTheirName) {
  const auto saved = [](const char* names, bool tied) {
    return lora_layout(
               parse(std::string(R"("target_modules": ["q_proj"], "modules_to_save": )") + names),
               test::tiny_config(Architecture::kLlama, tied), "test")
        .saved.size();
  };
  EXPECT_EQ(saved(R"(["embed_tokens", "lm_head"])", false), 2u);
  EXPECT_EQ(saved(R"(["lm_head"])", true), 1u);  // the module is there, whatever its weight
  EXPECT_EQ(saved(R"(["norm"])", false), 5u);
  EXPECT_EQ(saved(R"(["0.mlp"])", false), 3u);
}

TEST(LoraLayoutTest, TargetsThatAreNoneAreRefused) {
  const auto message = [](const char* targets) {
    return test::error_text<core::ConfigError>([&] { modules(targets); });
  };
  EXPECT_THAT(message(R"("target_modules": ["query"])"),
              AllOf(HasSubstr("[\"query\"], which matches none"), HasSubstr("q_proj, k_proj")));
  EXPECT_THAT(message(R"("target_modules": ["q_proj", "embed_tokens"])"),
              AllOf(HasSubstr("matches the embedding"), HasSubstr("modules_to_save")));
  EXPECT_THAT(test::error_text<core::FormatError>([] { modules(R"("target_modules": "a(")"); }),
              HasSubstr("test: target_modules: expected a regular expression"));
}

}  // namespace
}  // namespace llm::arch
