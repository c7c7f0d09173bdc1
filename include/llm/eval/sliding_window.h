// Windows over a document that is longer than the model's context.
//
// A document of n predictions (tokens that follow another one) is scored by windows of at most
// `context` inputs. Each window scores the predictions no earlier one has scored, `stride` of them,
// and sees as many tokens before them as fit. So every prediction is scored exactly once, and has
// at least context - stride + 1 tokens before it once the document is that long. With stride ==
// context these are lm-evaluation-harness' rolling windows.
#pragma once

#include <cstdint>
#include <vector>

namespace llm::eval {

// Prediction i is token i + 1 given the tokens up to i; inputs are tokens [begin, end).
struct Window {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t first_scored = 0;  // predictions [first_scored, end) count
  int64_t length() const { return end - begin; }
};

// Requires: num_predictions >= 0, 1 <= stride <= context.
std::vector<Window> sliding_windows(int64_t num_predictions, int64_t context, int64_t stride);

}  // namespace llm::eval
