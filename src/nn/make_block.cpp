#include <cmath>

#include "nn/block.h"

namespace llm::nn {

double attention_scale(int64_t head_dim) { return 1.0 / std::sqrt(static_cast<double>(head_dim)); }

Block make_block(const arch::ModelConfig& config, const WeightFinder& find, int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  BlockWeights weights;
  weights.input_norm = find.vector(prefix + "input_layernorm.weight");
  weights.qkv = find.linear(prefix + "self_attn.qkv_proj");
  weights.q_norm = find.optional_vector(prefix + "self_attn.q_norm.weight");
  weights.k_norm = find.optional_vector(prefix + "self_attn.k_norm.weight");
  weights.output = find.linear(prefix + "self_attn.o_proj");
  weights.post_norm = find.vector(prefix + "post_attention_layernorm.weight");
  weights.gate_up = find.linear(prefix + "mlp.gate_up_proj");
  weights.down = find.linear(prefix + "mlp.down_proj");
  return {weights,
          {config.num_attention_heads, config.num_key_value_heads, config.head_dim,
           config.rms_norm_eps},
          layer};
}

}  // namespace llm::nn
