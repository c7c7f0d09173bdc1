#include "llm/eval/sliding_window.h"

#include <algorithm>

#include "llm/core/check.h"

namespace llm::eval {

std::vector<Window> sliding_windows(int64_t num_predictions, int64_t context, int64_t stride) {
  LLM_CHECK(num_predictions >= 0 && 1 <= stride && stride <= context);
  std::vector<Window> windows;
  int64_t scored = 0;
  while (scored < num_predictions) {
    const int64_t step = windows.empty() ? context : stride;
    const int64_t end = std::min(scored + step, num_predictions);
    windows.push_back(
        {.begin = std::max<int64_t>(0, end - context), .end = end, .first_scored = scored});
    scored = end;
  }
  return windows;
}

}  // namespace llm::eval
