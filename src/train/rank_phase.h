// Work before a run's first step that may fail on some ranks and not on others. All of them learn
// how it went, so that none waits for one that has given up.
#pragma once

#include <functional>
#include <string>

#include "llm/dist/process_group.h"

namespace llm::train {

// Runs `phase` on every rank. Throws: what it throws, on the first rank where it does; PeerError on
// all others; DistError.
void run_on_all_ranks(dist::ProcessGroup& group, const std::string& label,
                      const std::function<void()>& phase);

// The same, for phases whose files are made by whoever comes first: rank 0, and then the others.
void run_on_first_rank_first(dist::ProcessGroup& group, const std::string& label,
                             const std::function<void()>& phase);

}  // namespace llm::train
