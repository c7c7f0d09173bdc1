// Oracle: published parameter counts; the sum over the list against the closed formula.
#include "llm/arch/parameters.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace llm::arch {
namespace {

ModelConfig tiny(Architecture architecture) {
  ModelConfig config;
  config.architecture = architecture;
  config.vocab_size = 97;
  config.hidden_size = 48;
  config.intermediate_size = 80;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 2;
  config.head_dim = 10;
  return config;
}

int64_t sum(const std::vector<ParameterSpec>& specs) {
  int64_t total = 0;
  for (const ParameterSpec& spec : specs) total += spec.numel();
  return total;
}

TEST(Parameters, FormulaEqualsSumOverTheList) {
  for (const auto architecture :
       {Architecture::kLlama, Architecture::kMistral, Architecture::kQwen2, Architecture::kQwen3})
    for (const bool tied : {false, true})
      for (const bool bias : {false, true}) {
        ModelConfig config = tiny(architecture);
        config.tie_word_embeddings = tied;
        config.attention_bias = config.mlp_bias = bias;
        EXPECT_EQ(num_parameters(config), sum(parameter_specs(config)))
            << model_type_name(architecture) << tied << bias;
      }
}

TEST(Parameters, CountsByPartEqualSumsOverTheList) {
  ModelConfig config = tiny(Architecture::kQwen3);
  config.attention_bias = true;
  std::map<std::string, int64_t> sums;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    std::string part = spec.name.find("self_attn") != std::string::npos ? "attention" : "mlp";
    if (spec.kind == ParameterKind::kNorm) part = "norms";
    if (spec.kind == ParameterKind::kEmbedding) part = "embedding";
    if (spec.kind == ParameterKind::kHead) part = "head";
    sums[part] += spec.numel();
  }
  const ParameterCounts counts = parameter_counts(config);
  EXPECT_EQ(counts.attention, sums["attention"]);
  EXPECT_EQ(counts.mlp, sums["mlp"]);
  EXPECT_EQ(counts.norms, sums["norms"]);
  EXPECT_EQ(counts.embedding, sums["embedding"]);
  EXPECT_EQ(counts.head, sums["head"]);
}

TEST(Parameters, NamesAreUniqueAndFusedPartsAreNeighboursOfOneWidth) {
  ModelConfig config = tiny(Architecture::kLlama);
  config.attention_bias = config.mlp_bias = true;
  const std::vector<ParameterSpec> specs = parameter_specs(config);
  std::set<std::string> names, closed;
  std::map<std::string, int> sizes;
  for (size_t i = 0; i < specs.size(); ++i) {
    EXPECT_TRUE(names.insert(specs[i].name).second) << specs[i].name;
    const std::string& fused = specs[i].fused_name;
    if (i > 0 && specs[i - 1].fused_name != fused) closed.insert(specs[i - 1].fused_name);
    if (fused.empty()) continue;
    EXPECT_FALSE(closed.contains(fused)) << fused << " is interrupted";
    if (++sizes[fused] > 1) {
      EXPECT_EQ(specs[i].shape.size(), specs[i - 1].shape.size());
      EXPECT_EQ(specs[i].kind, specs[i - 1].kind);
      EXPECT_EQ(specs[i].shape.back() == config.hidden_size,
                specs[i - 1].shape.back() == config.hidden_size);
    }
  }
  EXPECT_EQ(sizes.at("model.layers.2.self_attn.qkv_proj.weight"), 3);
  EXPECT_EQ(sizes.at("model.layers.2.self_attn.qkv_proj.bias"), 3);
  EXPECT_EQ(sizes.at("model.layers.0.mlp.gate_up_proj.weight"), 2);
  EXPECT_EQ(sizes.at("model.layers.0.mlp.gate_up_proj.bias"), 2);
  for (const auto& [name, size] : sizes) EXPECT_FALSE(names.contains(name)) << name;
}

TEST(Parameters, BlockInOrderOfUse) {
  ModelConfig config = tiny(Architecture::kQwen3);
  config.num_hidden_layers = 1;
  std::vector<std::string> names;
  for (const ParameterSpec& spec : parameter_specs(config)) names.push_back(spec.name);
  const std::string layer = "model.layers.0.";
  EXPECT_EQ(names, (std::vector<std::string>{
                       "model.embed_tokens.weight", layer + "input_layernorm.weight",
                       layer + "self_attn.q_proj.weight", layer + "self_attn.k_proj.weight",
                       layer + "self_attn.v_proj.weight", layer + "self_attn.q_norm.weight",
                       layer + "self_attn.k_norm.weight", layer + "self_attn.o_proj.weight",
                       layer + "post_attention_layernorm.weight", layer + "mlp.gate_proj.weight",
                       layer + "mlp.up_proj.weight", layer + "mlp.down_proj.weight",
                       "model.norm.weight", "lm_head.weight"}));
}

TEST(Parameters, FlopsCountTheTiedHeadAsProduct) {
  ModelConfig config = tiny(Architecture::kLlama);
  const double untied = train_flops_per_token(config, 0);
  EXPECT_EQ(untied, 6.0 * static_cast<double>(num_parameters(config) - 97 * 48));
  config.tie_word_embeddings = true;
  EXPECT_EQ(train_flops_per_token(config, 0), untied);
  EXPECT_EQ(train_flops_per_token(config, 100) - untied, 6.0 * 3 * 60 * 100);
}

}  // namespace
}  // namespace llm::arch
