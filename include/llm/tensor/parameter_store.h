// Parameters in flat storage (design section 1.7): every parameter is a named range of an arena, so
// that the optimizer, clipping, communication, checkpoints and memory plans are arithmetic on
// ranges.
//
// The trainable arena has four equally laid out buffers: weights (fp32 master), gradients, and the
// two moments, which exist once they were allocated; gradients and moments may be those of some
// ranges alone. The frozen arena has weights alone, in one dtype; matrices of quantised blocks lie
// beside it. Ranges start at multiples of 256
// bytes; the members of a fused group (q/k/v, gate/up) follow each other without padding, and the
// group is one autograd leaf.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "llm/arch/parameters.h"
#include "llm/tensor/quantized_matrix.h"

namespace llm::tensor {

// A part of the arena, in elements.
struct ArenaRange {
  int64_t offset = 0;
  int64_t numel = 0;
  int64_t end() const { return offset + numel; }
};

struct ParameterRange {
  arch::ParameterSpec spec;
  int64_t offset = 0;  // elements from the arena's start
  int64_t numel = 0;
};

// One autograd leaf: a single parameter or a fused group.
struct LeafRange {
  std::string name;  // the parameter's name or the group's
  int64_t offset = 0;
  int64_t numel = 0;
  std::vector<int64_t> shape;             // a group's first dimension is the sum of its members'
  std::vector<size_t> parameter_indices;  // into parameters()
};

struct StoreOptions {
  at::Device device = at::kCPU;
  at::ScalarType dtype =
      at::kFloat;  // trainable arenas are fp32; a frozen store may be bf16 or half
  bool trainable = true;
  // CPU: zero_gradients() gives the gradients' pages back to the system until the next backward
  // writes them.
  bool release_gradients = false;
  // Frozen stores only: leaves that are blocks instead of ranges of the arena, by their names.
  // Their parameters are the names of the parts.
  std::map<std::string, std::shared_ptr<const QuantizedMatrix>> quantized = {};
};

// Not thread-safe while it changes; views may be read from any thread.
class ParameterStore {
 public:
  // Weights are uninitialised memory. `specs` of quantised leaves are left out of the arena.
  ParameterStore(std::vector<arch::ParameterSpec> specs, const StoreOptions& options);
  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;

  // Of the arena, as all that follows but quantized_leaf().
  const std::vector<ParameterRange>& parameters() const { return parameters_; }
  const std::vector<LeafRange>& leaves() const { return leaves_; }
  bool trainable() const { return options_.trainable; }
  at::Device device() const { return options_.device; }
  at::ScalarType dtype() const { return options_.dtype; }
  int64_t arena_numel() const { return arena_numel_; }  // padding included

  bool has_leaf(const std::string& name) const { return leaf_index_.count(name) != 0; }
  std::shared_ptr<const QuantizedMatrix> quantized_leaf(const std::string& name) const;  // or null
  // The autograd leaf, in the group's shape. Trainable: requires_grad, and once gradients are
  // allocated .grad is a view of where they are. Throws: ContractViolation for an unknown name.
  at::Tensor leaf(const std::string& name) const;
  // A plain view in the parameter's own shape (no autograd). Throws: ContractViolation for an
  // unknown name.
  at::Tensor weight(const std::string& parameter_name) const;
  // Requires: gradients of the whole arena.
  at::Tensor grad(const std::string& parameter_name) const;

  // Gradients (zero) of the whole arena. Requires: trainable().
  void allocate_gradients();
  // Gradients (zero) of some ranges alone. Backward passes do not write them: leaves have theirs
  // where place_gradients() says, and before that nowhere, so that writing one throws.
  // Requires: trainable(); ascending, disjoint, inside the arena.
  void allocate_gradient_shards(std::vector<ArenaRange> ranges);
  // The leaves that begin in `range` get their gradients in `buffer` [range.numel]; undefined:
  // nowhere. Requires: gradient shards; `range` ends where a leaf begins, or the arena does.
  void place_gradients(const ArenaRange& range, const at::Tensor& buffer);
  // Moments (zero). Requires: trainable().
  void allocate_moments() { allocate_moments({{0, arena_numel_}}); }
  // Of some ranges alone: those that this process updates. Requires: ascending, disjoint, inside
  // the arena.
  void allocate_moments(std::vector<ArenaRange> ranges);
  at::Tensor flat_weights() const { return weights_; }  // [arena_numel]
  // Those of gradient_ranges(), one behind the other: [sum of their numel], [arena_numel] after
  // allocate_gradients(). Undefined before they are allocated.
  at::Tensor flat_gradients() const { return gradients_; }
  const std::vector<ArenaRange>& gradient_ranges() const { return gradient_ranges_; }
  // A view: [part.numel]. Requires: `part` lies in one of gradient_ranges().
  at::Tensor gradients_of(const ArenaRange& part) const;
  // The moments of moment_ranges(), one behind the other: [sum of their numel]. Undefined before
  // allocate_moments().
  at::Tensor flat_exp_avg() const { return exp_avg_; }
  at::Tensor flat_exp_avg_sq() const { return exp_avg_sq_; }
  const std::vector<ArenaRange>& moment_ranges() const { return moment_ranges_; }

  // Calls visit(part of the range in the arena, where its moments begin in flat_exp_avg()) for what
  // of `range` has moments, ascending.
  template <class Visit>
  void for_each_with_moments(const ArenaRange& range, const Visit& visit) const {
    int64_t moment_begin = 0;
    for (const ArenaRange& owned : moment_ranges_) {
      const int64_t begin = std::max(range.offset, owned.offset);
      const int64_t end = std::min(range.end(), owned.end());
      if (begin < end) visit(ArenaRange{begin, end - begin}, moment_begin + begin - owned.offset);
      moment_begin += owned.numel;
    }
  }

  // Zeroes the gradients, by giving their pages back under StoreOptions::release_gradients.
  void zero_gradients();

 private:
  at::Tensor view(const at::Tensor& flat, int64_t offset, const std::vector<int64_t>& shape) const;
  int64_t checked_numel(const std::vector<ArenaRange>& ranges) const;
  void set_gradient(size_t leaf, const at::Tensor& flat, int64_t offset);

  StoreOptions options_;
  std::vector<ParameterRange> parameters_;
  std::vector<LeafRange> leaves_;
  std::map<std::string, size_t> parameter_index_;
  std::map<std::string, size_t> leaf_index_;
  std::vector<at::Tensor> leaf_tensors_;
  int64_t arena_numel_ = 0;
  at::Tensor weights_, gradients_, exp_avg_, exp_avg_sq_;
  std::vector<ArenaRange> gradient_ranges_, moment_ranges_;
  at::Tensor nowhere_;  // [], of leaves without a place for their gradients; defined with shards
};

}  // namespace llm::tensor
