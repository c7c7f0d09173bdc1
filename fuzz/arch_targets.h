// What the readers of config.json and adapter_config.json are held to under arbitrary bytes: a
// typed exception (core::Error), or a config that survives being written and whose parameters can
// be listed. Shared by model_config_fuzz, adapter_config_fuzz and tests/property/arch.
#pragma once

#include <string>
#include <string_view>

#include "io_targets.h"
#include "llm/arch/lora.h"
#include "llm/arch/model_config.h"
#include "llm/arch/parameters.h"

namespace llm::fuzz {

inline bool model_config(std::string_view bytes) {
  constexpr int64_t kEnoughLayers = 64;  // a config of a few bytes may ask for millions
  return accepts([&] {
    const auto config =
        arch::parse_model_config(io::parse_ordered_json(bytes, "config.json"), "config.json");
    expect(arch::parse_model_config(arch::to_json(config), "again") == config,
           "a config that does not survive writing");
    if (config.num_hidden_layers > kEnoughLayers) return;
    int64_t total = 0;
    for (const auto& spec : arch::parameter_specs(config)) total += spec.numel();
    expect(total == arch::num_parameters(config), "parameters that do not add up");
  });
}

inline arch::ModelConfig lora_base() {
  arch::ModelConfig base;
  base.vocab_size = 48;
  base.hidden_size = 32;
  base.intermediate_size = 40;
  base.num_hidden_layers = 2;
  base.num_attention_heads = 4;
  base.num_key_value_heads = 2;
  base.head_dim = 8;
  return base;
}

inline bool adapter_config(std::string_view bytes) {
  static const arch::ModelConfig base = lora_base();
  return accepts([&] {
    const auto config = arch::parse_lora_config(
        io::parse_ordered_json(bytes, "adapter_config.json"), "adapter_config.json");
    const auto written = arch::to_json(config);
    expect(arch::to_json(arch::parse_lora_config(written, "again")) == written,
           "an adapter config that does not survive writing");
    for (const auto& module : arch::lora_layout(config, base, "adapter_config.json").modules) {
      expect(module.rank > 0 && module.in > 0 && module.out > 0, "a module without a shape");
    }
  });
}

}  // namespace llm::fuzz
