// c10d's Gloo backend, whose header needs Gloo's own headers: one file sees them.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <chrono>
#include <string>

#include "llm/dist/rendezvous.h"

namespace llm::dist {

// Connects every rank to every other. Blocks until all have called it. Throws: what c10d throws.
c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const Rendezvous& rendezvous,
                                                    const std::string& name,
                                                    std::chrono::milliseconds timeout);

}  // namespace llm::dist
