#include "llm/arch/parameters.h"

#include <fmt/format.h>

namespace llm::arch {
namespace {

// Appends the parameters of one block.
class BlockBuilder {
 public:
  BlockBuilder(const ModelConfig& config, int64_t layer, std::vector<ParameterSpec>& out)
      : c_(config), layer_(layer), prefix_(fmt::format("model.layers.{}.", layer)), out_(out) {}

  void add() {
    norm("input_layernorm", c_.hidden_size);
    add_attention();
    norm("post_attention_layernorm", c_.hidden_size);
    add_mlp();
  }

 private:
  void add_attention() {
    const std::string fused = "self_attn.qkv_proj";
    matrix("self_attn.q_proj", c_.q_size(), c_.hidden_size, fused);
    matrix("self_attn.k_proj", c_.kv_size(), c_.hidden_size, fused);
    matrix("self_attn.v_proj", c_.kv_size(), c_.hidden_size, fused);
    if (c_.has_qkv_bias()) {
      bias("self_attn.q_proj", c_.q_size(), fused);
      bias("self_attn.k_proj", c_.kv_size(), fused);
      bias("self_attn.v_proj", c_.kv_size(), fused);
    }
    if (c_.has_qk_norm()) {
      norm("self_attn.q_norm", c_.head_dim);
      norm("self_attn.k_norm", c_.head_dim);
    }
    matrix("self_attn.o_proj", c_.hidden_size, c_.q_size());
    if (c_.has_output_bias()) bias("self_attn.o_proj", c_.hidden_size);
  }

  void add_mlp() {
    const std::string fused = "mlp.gate_up_proj";
    matrix("mlp.gate_proj", c_.intermediate_size, c_.hidden_size, fused);
    matrix("mlp.up_proj", c_.intermediate_size, c_.hidden_size, fused);
    if (c_.mlp_bias) {
      bias("mlp.gate_proj", c_.intermediate_size, fused);
      bias("mlp.up_proj", c_.intermediate_size, fused);
    }
    matrix("mlp.down_proj", c_.hidden_size, c_.intermediate_size);
    if (c_.mlp_bias) bias("mlp.down_proj", c_.hidden_size);
  }

  void matrix(const std::string& name, int64_t out, int64_t in, const std::string& fused = "") {
    push(name + ".weight", {out, in}, ParameterKind::kMatrix,
         fused.empty() ? "" : fused + ".weight");
  }
  void bias(const std::string& name, int64_t size, const std::string& fused = "") {
    push(name + ".bias", {size}, ParameterKind::kBias, fused.empty() ? "" : fused + ".bias");
  }
  void norm(const std::string& name, int64_t size) {
    push(name + ".weight", {size}, ParameterKind::kNorm, "");
  }
  void push(const std::string& name, std::vector<int64_t> shape, ParameterKind kind,
            const std::string& fused) {
    out_.push_back(
        {prefix_ + name, std::move(shape), kind, fused.empty() ? "" : prefix_ + fused, layer_});
  }

  const ModelConfig& c_;
  int64_t layer_;
  std::string prefix_;
  std::vector<ParameterSpec>& out_;
};

}  // namespace

int64_t ParameterSpec::numel() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

std::vector<ParameterSpec> parameter_specs(const ModelConfig& config) {
  const std::vector<int64_t> table = {config.vocab_size, config.hidden_size};
  std::vector<ParameterSpec> specs;
  specs.push_back({kEmbeddingName, table, ParameterKind::kEmbedding, "", -1});
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
    BlockBuilder(config, layer, specs).add();
  specs.push_back({"model.norm.weight", {config.hidden_size}, ParameterKind::kNorm, "", -1});
  if (!config.tie_word_embeddings)
    specs.push_back({kHeadName, table, ParameterKind::kHead, "", -1});
  return specs;
}

ParameterCounts parameter_counts(const ModelConfig& c) {
  const int64_t layers = c.num_hidden_layers, hidden = c.hidden_size;
  const int64_t qkv = c.q_size() + 2 * c.kv_size();
  ParameterCounts counts;
  counts.embedding = c.vocab_size * hidden;
  counts.head = c.tie_word_embeddings ? 0 : counts.embedding;
  counts.attention = layers * (hidden * qkv + c.q_size() * hidden + (c.has_qkv_bias() ? qkv : 0) +
                               (c.has_output_bias() ? hidden : 0));
  counts.mlp = layers * (3 * hidden * c.intermediate_size +
                         (c.mlp_bias ? 2 * c.intermediate_size + hidden : 0));
  counts.norms = layers * (2 * hidden + (c.has_qk_norm() ? 2 * c.head_dim : 0)) + hidden;
  return counts;
}

int64_t num_parameters(const ModelConfig& config) { return parameter_counts(config).total(); }

double train_flops_per_token(const ModelConfig& c, double sequence_length) {
  const ParameterCounts counts = parameter_counts(c);
  const int64_t head = c.vocab_size * c.hidden_size;
  const auto in_products =
      static_cast<double>(counts.total() - counts.embedding - counts.head + head);
  const auto attention = static_cast<double>(c.num_hidden_layers * c.q_size());
  return 6 * in_products + 6 * attention * sequence_length;
}

}  // namespace llm::arch
