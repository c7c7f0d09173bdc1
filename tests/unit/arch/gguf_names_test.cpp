// Oracle: the name table of docs/formats.md, and that the two directions are inverse.
#include <gtest/gtest.h>

#include <set>

#include "llm/arch/gguf.h"
#include "llm/arch/parameters.h"
#include "support/tiny_config.h"

namespace llm::arch {
namespace {

TEST(GgufNamesTest, EveryParameterHasOneNameAndComesBack) {
  for (const Architecture architecture :
       {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3}) {
    ModelConfig config = test::tiny_config(architecture, /*tied=*/false);
    config.attention_bias = config.mlp_bias = architecture == Architecture::kLlama;
    std::set<std::string> names;
    for (const ParameterSpec& spec : parameter_specs(config)) {
      const std::string name = gguf_tensor_name(spec.name);
      EXPECT_EQ(hf_tensor_name(name), spec.name);
      EXPECT_TRUE(names.insert(name).second) << name;
    }
  }
}

TEST(GgufNamesTest, AreLlamaCpps) {
  EXPECT_EQ(gguf_tensor_name("model.embed_tokens.weight"), "token_embd.weight");
  EXPECT_EQ(gguf_tensor_name("model.norm.weight"), "output_norm.weight");
  EXPECT_EQ(gguf_tensor_name("lm_head.weight"), "output.weight");
  EXPECT_EQ(gguf_tensor_name("model.layers.17.self_attn.q_proj.bias"), "blk.17.attn_q.bias");
  EXPECT_EQ(gguf_tensor_name("model.layers.0.self_attn.o_proj.weight"), "blk.0.attn_output.weight");
  EXPECT_EQ(gguf_tensor_name("model.layers.3.self_attn.k_norm.weight"), "blk.3.attn_k_norm.weight");
  EXPECT_EQ(gguf_tensor_name("model.layers.3.post_attention_layernorm.weight"),
            "blk.3.ffn_norm.weight");
}

TEST(GgufNamesTest, OtherNamesHaveNone) {
  for (const char* name :
       {"", ".", "weight", "blk.0.attn_q", "blk..attn_q.weight", "blk.x.attn_q.weight",
        "blk.0.attn_qkv.weight", "rope_freqs.weight", "output.scale", "blk.0.attn_q.weight.lora_a"})
    EXPECT_EQ(hf_tensor_name(name), "") << name;
}

}  // namespace
}  // namespace llm::arch
