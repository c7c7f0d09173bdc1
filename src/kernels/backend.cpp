#include "llm/kernels/backend.h"

#include <atomic>

namespace llm::kernels {
namespace {

std::atomic<Backend> current_backend = Backend::kFused;

}  // namespace

Backend backend() { return current_backend.load(std::memory_order_relaxed); }

void set_backend(Backend wanted) { current_backend.store(wanted, std::memory_order_relaxed); }

}  // namespace llm::kernels
