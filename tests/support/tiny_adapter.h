// A small frozen base with a LoRA adapter whose factors are all random, for tests.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <memory>
#include <string>
#include <utility>

#include "llm/arch/lora.h"
#include "llm/io/json.h"
#include "llm/nn/causal_lm.h"
#include "llm/nn/lora.h"
#include "support/tiny_model.h"

namespace llm::test {

struct TinyAdapter {
  arch::LoraLayout layout;
  std::unique_ptr<tensor::ParameterStore> base, adapter;
  std::unique_ptr<nn::CausalLM> model;
};

struct TinyAdapterOptions {
  std::string keys = R"("target_modules": "all-linear", "r": 3, "lora_alpha": 4)";
  double dropout = 0;
  at::ScalarType base_dtype = at::kFloat;
  at::ScalarType dtype = at::kFloat;  // of the adapter
  int64_t rows = 0;                   // of saved tables; 0: the base's
  bool ensure_weight_tying = false;
};

inline arch::LoraLayout tiny_layout(const arch::ModelConfig& config,
                                    const TinyAdapterOptions& options) {
  const std::string json =
      R"({"peft_type": "LORA", "task_type": "CAUSAL_LM", )" + options.keys + "}";
  const auto lora = arch::parse_lora_config(io::parse_ordered_json(json, "test"), "test");
  arch::LoraLayout layout = arch::lora_layout(lora, config, "test");
  for (arch::ParameterSpec& spec : layout.saved) {
    const bool is_table =
        spec.kind == arch::ParameterKind::kEmbedding || spec.kind == arch::ParameterKind::kHead;
    if (is_table && options.rows > 0) spec.shape[0] = options.rows;
  }
  return layout;
}

// The base's weights are those of make_tiny_model(config).
inline TinyAdapter make_tiny_adapter(const arch::ModelConfig& config,
                                     const TinyAdapterOptions& options = {}) {
  TinyAdapter tiny;
  tiny.layout = tiny_layout(config, options);
  const TinyModel dense = make_tiny_model(config);
  tiny.base = std::make_unique<tensor::ParameterStore>(
      arch::parameter_specs(config),
      tensor::StoreOptions{.dtype = options.base_dtype, .trainable = false});
  tiny.base->flat_weights().zero_();
  for (const auto& range : tiny.base->parameters())
    tiny.base->weight(range.spec.name).copy_(dense.store->weight(range.spec.name).detach());
  tiny.adapter = std::make_unique<tensor::ParameterStore>(
      nn::lora_parameter_specs(tiny.layout), tensor::StoreOptions{.dtype = options.dtype});
  nn::initialize_lora(*tiny.adapter, tiny.layout, 9, nn::LoraInit::kRandom);
  const at::NoGradGuard no_grad;
  for (const arch::ParameterSpec& spec : tiny.layout.saved) {
    const at::Tensor values = at::linspace(-0.5, 0.9, spec.numel()).sin_().view(spec.shape);
    tiny.adapter->weight(spec.name).copy_(values);
  }
  tiny.adapter->allocate_gradients();
  const nn::LoraWeights weights{.layout = tiny.layout,
                                .store = *tiny.adapter,
                                .dropout = options.dropout,
                                .ensure_weight_tying = options.ensure_weight_tying};
  tiny.model = std::make_unique<nn::CausalLM>(config, *tiny.base, &weights);
  return tiny;
}

}  // namespace llm::test
