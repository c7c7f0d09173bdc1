// How a run is computed, as far as the bits of its sums depend on it.
#pragma once

#include <string>

#include "llm/train/checkpoint.h"
#include "llm/train/session.h"

namespace llm::train {

// "program": fingerprint of this program's file.
std::string program_fingerprint();

// ranks, threads of each, device, dist.zero, dist.bucket_mib and dist.reduce_dtype of several
// ranks, the kind of processor, the program. Rank 0's stands for all ranks.
Execution execution_of(const SessionOptions& options, const DistSection& dist);

// "ranks 2 -> 3, threads 1 -> 2": what both name and do not agree on; "": nothing.
std::string execution_changes(const Execution& before, const Execution& now);

}  // namespace llm::train
