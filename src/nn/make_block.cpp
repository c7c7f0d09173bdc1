#include <cmath>

#include "nn/block.h"

namespace llm::nn {

namespace {

at::Tensor optional_leaf(const tensor::ParameterStore& store, const std::string& name) {
  return store.has_leaf(name) ? store.leaf(name) : at::Tensor();
}

kernels::LinearWeight linear_weight(const tensor::ParameterStore& store,
                                    const std::string& prefix) {
  return {store.leaf(prefix + ".weight"), optional_leaf(store, prefix + ".bias")};
}

}  // namespace

double attention_scale(int64_t head_dim) { return 1.0 / std::sqrt(static_cast<double>(head_dim)); }

Block make_block(const arch::ModelConfig& config, const tensor::ParameterStore& store,
                 int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  BlockWeights weights;
  weights.input_norm = store.leaf(prefix + "input_layernorm.weight");
  weights.qkv = linear_weight(store, prefix + "self_attn.qkv_proj");
  weights.q_norm = optional_leaf(store, prefix + "self_attn.q_norm.weight");
  weights.k_norm = optional_leaf(store, prefix + "self_attn.k_norm.weight");
  weights.output = linear_weight(store, prefix + "self_attn.o_proj");
  weights.post_norm = store.leaf(prefix + "post_attention_layernorm.weight");
  weights.gate_up = linear_weight(store, prefix + "mlp.gate_up_proj");
  weights.down = linear_weight(store, prefix + "mlp.down_proj");
  return {weights,
          {config.num_attention_heads, config.num_key_value_heads, config.head_dim,
           config.rms_norm_eps}};
}

}  // namespace llm::nn
