// Which tensors a model computes with: the base's, or an adapter's where it replaces or changes
// them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "llm/kernels/linear.h"
#include "llm/nn/lora.h"
#include "llm/tensor/parameter_store.h"

namespace llm::nn {

// Borrows the stores, for as long as the finder lives; what it returns shares their memory.
class WeightFinder {
 public:
  // Throws: ConfigError for a saved module that cannot stand for the base's.
  explicit WeightFinder(const tensor::ParameterStore& base, const LoraWeights* lora = nullptr);

  // The type of the activations: the base's, but fp32 for a half type on CPU.
  at::ScalarType compute_type() const;

  // A norm's weight or a bias. Half ones on CPU are copied to fp32.
  at::Tensor vector(const std::string& leaf) const;
  at::Tensor optional_vector(const std::string& leaf) const;  // undefined when there is none
  at::Tensor table(const std::string& leaf) const;            // embedding or head, as stored
  // A linear layer by its name without ".weight", with the updates of its parts.
  kernels::LinearWeight linear(const std::string& name) const;
  // What multiplies the final hidden states. `tied`: of the base.
  kernels::LinearWeight head(bool tied) const;

 private:
  at::Tensor leaf(const std::string& name) const;
  bool is_saved(const std::string& leaf) const;
  void add_update(const std::string& module, int64_t row, kernels::LinearWeight& weight) const;
  std::vector<int64_t> base_shape(const std::string& leaf) const;
  void check_saved() const;

  const tensor::ParameterStore& base_;
  const LoraWeights* lora_;
};

}  // namespace llm::nn
