// What a run takes over from the checkpoint that it goes on from, beside the weights.
#pragma once

#include <string>

namespace llm::train {

struct Restore {
  bool optimizer = true;  // the moments; else they begin at zero
  bool step = true;       // steps, schedule, tokens, time, best evaluation; else a run from step 0
  bool data = true;       // the place in the data and the rows left out; else from the first row
  bool is_all() const { return optimizer && step && data; }
};

// "all", or a list of "weights", "optimizer", "step", "data" with commas between. Throws:
// ConfigError for other words, and for a list without weights.
Restore parse_restore(const std::string& list);

}  // namespace llm::train
