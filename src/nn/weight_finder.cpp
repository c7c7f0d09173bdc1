#include "nn/weight_finder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "llm/core/error.h"
#include "nn/random_values.h"

namespace llm::nn {

namespace {

bool is_factor(const std::string& name) {
  return name.ends_with(".lora_A.weight") || name.ends_with(".lora_B.weight");
}

std::string module_of(const std::string& parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

}  // namespace

WeightFinder::WeightFinder(const tensor::ParameterStore& base, const LoraWeights* lora)
    : base_(base), lora_(lora) {
  if (lora_) check_saved();
}

// A tied base has the head's shape in its embedding.
std::vector<int64_t> WeightFinder::base_shape(const std::string& leaf) const {
  if (const auto blocks = base_.quantized_leaf(leaf)) return {blocks->rows(), blocks->columns()};
  const bool is_tied_head = leaf == arch::kHeadName && !base_.has_leaf(leaf);
  return base_.leaf(is_tied_head ? arch::kEmbeddingName : leaf).sizes().vec();
}

// A whole leaf of the base's shape; tables may have another number of rows.
void WeightFinder::check_saved() const {
  for (const tensor::LeafRange& saved : lora_->store.leaves()) {
    const std::string& name = saved.name;
    if (is_factor(name)) continue;
    const bool is_table = name == arch::kEmbeddingName || name == arch::kHeadName;
    const std::vector<int64_t> shape = base_shape(name);
    if (std::equal(shape.begin() + (is_table ? 1 : 0), shape.end(),
                   saved.shape.begin() + (is_table ? 1 : 0), saved.shape.end()))
      continue;
    throw core::ConfigError(
        {.where = "modules_to_save",
         .expected = fmt::format("all modules that are computed together as {} [{}]", name,
                                 fmt::join(shape, ", ")),
         .got = fmt::format("[{}]", fmt::join(saved.shape, ", ")),
         .hint = "Name q_proj, k_proj and v_proj together, or none of them, and likewise gate_proj "
                 "and up_proj."});
  }
}

at::ScalarType WeightFinder::compute_type() const {
  const bool is_half = base_.dtype() == at::kBFloat16 || base_.dtype() == at::kHalf;
  return is_half && base_.device().is_cpu() ? at::kFloat : base_.dtype();
}

bool WeightFinder::is_saved(const std::string& leaf) const {
  return lora_ && lora_->store.has_leaf(leaf);
}

at::Tensor WeightFinder::leaf(const std::string& name) const {
  return is_saved(name) ? lora_->store.leaf(name) : base_.leaf(name);
}

at::Tensor WeightFinder::vector(const std::string& name) const {
  const at::Tensor stored = leaf(name);
  return is_saved(name) ? stored : stored.to(compute_type());
}

at::Tensor WeightFinder::optional_vector(const std::string& name) const {
  return base_.has_leaf(name) ? vector(name) : at::Tensor();
}

at::Tensor WeightFinder::table(const std::string& name) const { return leaf(name); }

void WeightFinder::add_update(const std::string& module, int64_t row,
                              kernels::LinearWeight& weight) const {
  if (!lora_) return;
  const auto& modules = lora_->layout.modules;
  const auto found = std::find_if(modules.begin(), modules.end(),
                                  [&](const arch::LoraModule& m) { return m.name == module; });
  if (found == modules.end()) return;
  weight.updates.push_back({.a = lora_->store.leaf(module + ".lora_A.weight"),
                            .b = lora_->store.leaf(module + ".lora_B.weight"),
                            .row = row,
                            .scale = found->scale,
                            .dropout = lora_->dropout,
                            .stream = name_key(0, module)});
}

kernels::LinearWeight WeightFinder::linear(const std::string& name) const {
  kernels::LinearWeight weight;
  weight.bias = optional_vector(name + ".bias");
  const std::string matrix = name + ".weight";
  int64_t row = 0;
  const auto add_part = [&](const std::string& parameter, int64_t rows) {
    add_update(module_of(parameter), row, weight);
    row += rows;
  };
  if (!is_saved(matrix)) weight.quantized = base_.quantized_leaf(matrix);
  if (weight.quantized) {
    for (const tensor::QuantizedPart& part : weight.quantized->parts())
      add_part(part.name, part.blocks.size(0));
    return weight;
  }
  weight.weight = leaf(matrix);
  if (is_saved(matrix)) return weight;  // no part of it has an update
  const auto& leaves = base_.leaves();
  const auto range = std::find_if(leaves.begin(), leaves.end(),
                                  [&](const tensor::LeafRange& l) { return l.name == matrix; });
  for (const size_t index : range->parameter_indices) {
    const arch::ParameterSpec& part = base_.parameters()[index].spec;
    add_part(part.name, part.shape[0]);
  }
  return weight;
}

kernels::LinearWeight WeightFinder::head(bool tied) const {
  kernels::LinearWeight weight;
  if (!tied || is_saved(arch::kHeadName)) {
    weight.weight = leaf(arch::kHeadName);
  } else {
    const at::Tensor base = base_.leaf(arch::kEmbeddingName);
    const bool follows =
        lora_ && (lora_->ensure_weight_tying || leaf(arch::kEmbeddingName).size(0) != base.size(0));
    weight.weight = follows ? leaf(arch::kEmbeddingName) : base;
  }
  add_update("lm_head", 0, weight);
  return weight;
}

}  // namespace llm::nn
