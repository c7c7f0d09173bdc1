#include "dist/cuda/nccl_group.h"

#include "llm/core/error.h"

namespace llm::dist {

std::unique_ptr<ProcessGroup> make_nccl_group(const Rendezvous&, const GroupOptions& options) {
  throw core::ConfigError({"--device", "cpu", options.device.str(),
                           "This build has no CUDA: build the preset cuda for GPUs"});
}

}  // namespace llm::dist
