// Low-rank adapters at run time: W + scale * B A beside a base model that stays as it is. The
// trained numbers lie in a ParameterStore of their own (A and B of each module, and what is stored
// whole), so that gradients, moments, checkpoints and memory plans know nothing of the base.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/arch/lora.h"
#include "llm/arch/parameters.h"
#include "llm/tensor/parameter_store.h"

namespace llm::nn {

// The adapter's parameters under PEFT's names without "base_model.model.":
// MODULE.lora_A.weight [rank, in] and MODULE.lora_B.weight [out, rank] for each module, then the
// saved parameters under their own names and with the shapes in `layout`.
std::vector<arch::ParameterSpec> lora_parameter_specs(const arch::LoraLayout& layout);

// How PEFT begins. B is 0 but for kRandom, so that the model is the base's.
enum class LoraInit {
  kKaimingUniform,  // A uniform in 1 / sqrt(in), PEFT's default
  kGaussian,        // A normal with a deviation of 1 / rank
  kRandom           // as kKaimingUniform, and B uniform in 1 / sqrt(rank)
};
// Of init_lora_weights. Throws: ConfigError for one that needs data or changes the base.
LoraInit lora_init(const arch::LoraConfig& config);

// Values are a pure function of (seed, name, element index). Saved parameters are left as they are.
void initialize_lora(tensor::ParameterStore& store, const arch::LoraLayout& layout, uint64_t seed,
                     LoraInit init = LoraInit::kKaimingUniform);

// The saved parameters begin as the base's, a tied head as the embedding; rows that the base does
// not have begin as the mean of its rows. Matrices of quantised blocks are decoded.
void copy_saved_parameters(const tensor::ParameterStore& base, const arch::LoraLayout& layout,
                           tensor::ParameterStore& store);

// An adapter for a CausalLM.
struct LoraWeights {
  const arch::LoraLayout& layout;
  tensor::ParameterStore& store;  // made from lora_parameter_specs(layout); outlives the model
  double dropout = 0;             // of each module's input, in training
  // Of a tied base: the head is the saved embedding. (It is anyway where their rows differ.)
  bool ensure_weight_tying = false;
};

}  // namespace llm::nn
