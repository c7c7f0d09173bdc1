// Which implementation of the kernels runs: `reference` is plain ATen, slow and obvious,
// differentiable by autograd; `fused` is the fast one for the tensor's device. Parity between the
// two is tested for every kernel.
#pragma once

namespace llm::kernels {

enum class Backend { kReference, kFused };

// Process-wide; the default is kFused. Requires: not changed while kernels run.
Backend backend();
void set_backend(Backend backend);

class BackendGuard {
 public:
  explicit BackendGuard(Backend wanted) : previous_(backend()) { set_backend(wanted); }
  ~BackendGuard() { set_backend(previous_); }
  BackendGuard(const BackendGuard&) = delete;
  BackendGuard& operator=(const BackendGuard&) = delete;

 private:
  Backend previous_;
};

}  // namespace llm::kernels
