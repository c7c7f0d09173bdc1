#include "llm/tensor/parameter_store.h"

#include <torch/csrc/autograd/variable.h>

#include "llm/core/arith.h"
#include "tensor/page_release.h"

namespace llm::tensor {

namespace {

constexpr int64_t kAlignmentBytes = 256;

// A fused group's shape: its members' first dimensions add up.
std::vector<int64_t> stacked_shape(const std::vector<int64_t>& top,
                                   const std::vector<int64_t>& bottom) {
  LLM_CHECK(
      top.size() == bottom.size() && std::equal(top.begin() + 1, top.end(), bottom.begin() + 1),
      "members of a fused group must agree in all but the first dimension");
  std::vector<int64_t> shape = top;
  shape[0] += bottom[0];
  return shape;
}

}  // namespace

ParameterStore::ParameterStore(std::vector<arch::ParameterSpec> specs, const StoreOptions& options)
    : options_(options) {
  LLM_CHECK(!options.trainable || options.dtype == at::kFloat || options.dtype == at::kDouble,
            "trainable weights are fp32 (fp64 for gradient checks)");
  const int64_t alignment =
      core::div_exact(kAlignmentBytes, static_cast<int64_t>(c10::elementSize(options.dtype)));
  LLM_CHECK(!options.trainable || options.quantized.empty(), "blocks cannot be trained");
  for (auto& spec : specs) {
    if (quantized_leaf(spec.fused_name.empty() ? spec.name : spec.fused_name)) continue;
    const int64_t numel = spec.numel();
    const bool joins =
        !spec.fused_name.empty() && !leaves_.empty() && leaves_.back().name == spec.fused_name;
    if (!joins) {
      arena_numel_ = core::round_up(arena_numel_, alignment);
      const std::string& name = spec.fused_name.empty() ? spec.name : spec.fused_name;
      LLM_CHECK(leaf_index_.emplace(name, leaves_.size()).second, "leaf {} is not contiguous",
                name);
      leaves_.push_back({name, arena_numel_, numel, spec.shape, {parameters_.size()}});
    } else {
      LeafRange& leaf = leaves_.back();
      leaf.shape = stacked_shape(leaf.shape, spec.shape);
      leaf.numel += numel;
      leaf.parameter_indices.push_back(parameters_.size());
    }
    LLM_CHECK(parameter_index_.emplace(spec.name, parameters_.size()).second, "{} is named twice",
              spec.name);
    parameters_.push_back({std::move(spec), arena_numel_, numel});
    arena_numel_ += numel;
  }
  arena_numel_ = core::round_up(arena_numel_, alignment);
  weights_ = allocate_pages(arena_numel_, options.dtype, options.device);
  for (const LeafRange& leaf : leaves_) {
    // variable_data() gives the leaf a version counter of its own: a write to a neighbour must not
    // invalidate its graph.
    at::Tensor tensor = view(weights_, leaf.offset, leaf.shape).variable_data();
    if (options.trainable) tensor.set_requires_grad(true);
    leaf_tensors_.push_back(std::move(tensor));
  }
}

at::Tensor ParameterStore::view(const at::Tensor& flat, int64_t offset,
                                const std::vector<int64_t>& shape) const {
  return flat.narrow(0, offset, c10::multiply_integers(shape)).view(shape);
}

at::Tensor ParameterStore::leaf(const std::string& name) const {
  const auto found = leaf_index_.find(name);
  LLM_CHECK(found != leaf_index_.end(), "no leaf {}", name);
  return leaf_tensors_[found->second];
}

std::shared_ptr<const QuantizedMatrix> ParameterStore::quantized_leaf(
    const std::string& name) const {
  const auto found = options_.quantized.find(name);
  return found == options_.quantized.end() ? nullptr : found->second;
}

at::Tensor ParameterStore::weight(const std::string& parameter_name) const {
  const auto found = parameter_index_.find(parameter_name);
  LLM_CHECK(found != parameter_index_.end(), "no parameter {}", parameter_name);
  const ParameterRange& range = parameters_[found->second];
  return view(weights_, range.offset, range.spec.shape);
}

at::Tensor ParameterStore::grad(const std::string& parameter_name) const {
  const auto found = parameter_index_.find(parameter_name);
  LLM_CHECK(found != parameter_index_.end(), "no parameter {}", parameter_name);
  const ParameterRange& range = parameters_[found->second];
  return gradients_of({range.offset, range.numel}).view(range.spec.shape);
}

at::Tensor ParameterStore::gradients_of(const ArenaRange& part) const {
  LLM_CHECK(gradients_.defined(), "gradients are not allocated");
  int64_t begin = 0;
  for (const ArenaRange& range : gradient_ranges_) {
    if (part.offset >= range.offset && part.end() <= range.end())
      return gradients_.narrow(0, begin + part.offset - range.offset, part.numel);
    begin += range.numel;
  }
  LLM_CHECK(false, "no gradients of elements {} to {}", part.offset, part.end());
  return {};
}

int64_t ParameterStore::checked_numel(const std::vector<ArenaRange>& ranges) const {
  LLM_CHECK(options_.trainable, "a frozen store has no training state");
  int64_t numel = 0, end = 0;
  for (const ArenaRange& range : ranges) {
    LLM_CHECK(range.offset >= end && range.numel > 0 && range.end() <= arena_numel_);
    end = range.end();
    numel += range.numel;
  }
  return numel;
}

void ParameterStore::set_gradient(size_t leaf, const at::Tensor& flat, int64_t offset) {
  const LeafRange& range = leaves_[leaf];
  // A preset gradient is accumulated into in place and keeps its storage.
  leaf_tensors_[leaf].mutable_grad() = view(flat, offset, range.shape).variable_data();
}

void ParameterStore::allocate_gradients() {
  LLM_CHECK(options_.trainable, "a frozen store has no gradients");
  gradients_ = allocate_pages(arena_numel_, options_.dtype, options_.device);
  gradient_ranges_ = {{0, arena_numel_}};
  nowhere_.reset();
  for (size_t i = 0; i < leaves_.size(); ++i) set_gradient(i, gradients_, leaves_[i].offset);
}

void ParameterStore::allocate_gradient_shards(std::vector<ArenaRange> ranges) {
  const int64_t numel = checked_numel(ranges);
  gradient_ranges_ = std::move(ranges);
  nowhere_ = at::zeros({}, weights_.options());
  gradients_ = allocate_pages(numel, options_.dtype, options_.device);
  place_gradients({0, arena_numel_}, at::Tensor());
}

void ParameterStore::place_gradients(const ArenaRange& range, const at::Tensor& buffer) {
  LLM_CHECK(nowhere_.defined(), "the gradients have their place");
  LLM_CHECK(!buffer.defined() || buffer.numel() == range.numel);
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const LeafRange& leaf = leaves_[i];
    if (leaf.offset < range.offset || leaf.offset >= range.end()) continue;
    LLM_CHECK(leaf.offset + leaf.numel <= range.end(), "half of {}", leaf.name);
    if (buffer.defined()) {
      set_gradient(i, buffer, leaf.offset - range.offset);
    } else {
      // One element stands for all: nothing can be written to such a view.
      leaf_tensors_[i].mutable_grad() = nowhere_.expand(leaf.shape).variable_data();
    }
  }
}

void ParameterStore::allocate_moments(std::vector<ArenaRange> ranges) {
  const int64_t numel = checked_numel(ranges);
  moment_ranges_ = std::move(ranges);
  exp_avg_ = allocate_pages(numel, options_.dtype, options_.device);
  exp_avg_sq_ = allocate_pages(numel, options_.dtype, options_.device);
}

void ParameterStore::zero_gradients() {
  if (options_.release_gradients) {
    zero_pages(gradients_);
  } else {
    gradients_.zero_();
  }
}

}  // namespace llm::tensor
