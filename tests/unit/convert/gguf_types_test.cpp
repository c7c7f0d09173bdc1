// Oracle: the tensor types llama.cpp gave SmolLM2-135M when it requantised an F32 file (measured;
// the figures stand in docs/formats.md), and its rules for wider models.
#include "convert/gguf_types.h"

#include <gtest/gtest.h>

#include <map>

#include "support/paths.h"

namespace llm::convert {
namespace {

using Counts = std::map<std::string, int>;

arch::ModelConfig config_of(const char* name) {
  return arch::read_model_config(test::source_dir() / "configs/models" / name);
}

Counts count_types(const arch::ModelConfig& config, GgufFileType file_type) {
  Counts counts;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(config))
    ++counts[io::quant_block(gguf_type_of(spec, config, file_type)).name];
  return counts;
}

io::GgmlType type_of(const std::string& name, const arch::ModelConfig& config,
                     GgufFileType file_type) {
  for (const arch::ParameterSpec& spec : arch::parameter_specs(config))
    if (spec.name == name) return gguf_type_of(spec, config, file_type);
  ADD_FAILURE() << "no parameter " << name;
  return io::GgmlType::kF32;
}

TEST(GgufTypesTest, ANarrowModelFallsBackAsInLlamaCpp) {
  const arch::ModelConfig config = config_of("smollm2-135m.json");
  EXPECT_EQ(count_types(config, GgufFileType::kQ4_K_M),
            (Counts{{"Q5_0", 166}, {"Q4_K", 16}, {"Q8_0", 15}, {"Q6_K", 14}, {"F32", 61}}));
  EXPECT_EQ(type_of("model.embed_tokens.weight", config, GgufFileType::kQ4_K_M),
            io::GgmlType::kQ8_0);
  for (const int64_t layer : {0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 26, 27, 28, 29}) {
    const std::string prefix = "model.layers." + std::to_string(layer);
    EXPECT_EQ(type_of(prefix + ".mlp.down_proj.weight", config, GgufFileType::kQ4_K_M),
              io::GgmlType::kQ6_K);
    EXPECT_EQ(type_of(prefix + ".self_attn.v_proj.weight", config, GgufFileType::kQ4_K_M),
              io::GgmlType::kQ8_0);
  }
}

TEST(GgufTypesTest, AWideModelGetsTheMixture) {
  const arch::ModelConfig config = config_of("llama-3-8b.json");  // 32 layers, untied
  // Of 32 layers 16 are lifted: v and down; q, k, o, gate and up never.
  EXPECT_EQ(count_types(config, GgufFileType::kQ4_K_M),
            (Counts{{"Q4_K", 32 * 5 + 2 * 16 + 1}, {"Q6_K", 2 * 16 + 1}, {"F32", 65}}));
  EXPECT_EQ(type_of("lm_head.weight", config, GgufFileType::kQ4_K_M), io::GgmlType::kQ6_K);
  EXPECT_EQ(type_of("model.embed_tokens.weight", config, GgufFileType::kQ4_K_M),
            io::GgmlType::kQ4_K);
  EXPECT_EQ(type_of("lm_head.weight", config, GgufFileType::kQ8_0), io::GgmlType::kQ8_0);
  EXPECT_EQ(type_of("lm_head.weight", config, GgufFileType::kQ4_0), io::GgmlType::kQ6_K);
  EXPECT_EQ(count_types(config, GgufFileType::kF16), (Counts{{"F16", 226}, {"F32", 65}}));
}

}  // namespace
}  // namespace llm::convert
