// The ranks of a run introduce themselves: who they are, and that all are the same.
#pragma once

#include "llm/train/session.h"
#include "train/resume.h"

namespace llm::train {

// Logs a table of hosts, ranks, devices and threads. A collective; nothing on one rank.
// Throws: DistError where program, config, data or tokenizer differ between ranks, on the first
// rank; PeerError on the others.
void introduce_ranks(const SessionOptions& options, const RunIdentity& run);

}  // namespace llm::train
