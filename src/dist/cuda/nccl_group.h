// The ProcessGroup of GPUs: NCCL for tensors on the device, Gloo for tensors and messages on the
// host. cuda/stub/ stands in for it in builds without CUDA.
#pragma once

#include <memory>

#include "llm/dist/process_group.h"

namespace llm::dist {

// Requires: options.device is a CUDA device. Throws: ConfigError in a build without CUDA.
std::unique_ptr<ProcessGroup> make_nccl_group(const Rendezvous& rendezvous,
                                              const GroupOptions& options);

}  // namespace llm::dist
