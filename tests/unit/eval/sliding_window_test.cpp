// Oracle: the definition, token by token: the set of inputs and scored predictions of every window
// laid out in loops that know nothing of the formula; lm-evaluation-harness' rolling windows
// (get_rolling_token_windows and make_disjoint_window) for stride == context.
#include "llm/eval/sliding_window.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llm::eval {
namespace {

TEST(SlidingWindowTest, ScoresEveryPredictionOnceWithEnoughContext) {
  for (int64_t n = 0; n <= 40; ++n) {
    for (int64_t context = 1; context <= 12; ++context) {
      for (int64_t stride = 1; stride <= context; ++stride) {
        std::vector<int> scored(static_cast<size_t>(n), 0);
        for (const Window& window : sliding_windows(n, context, stride)) {
          ASSERT_LE(0, window.begin);
          ASSERT_LE(window.begin, window.first_scored);
          ASSERT_LT(window.first_scored, window.end);
          ASSERT_LE(window.length(), context);
          for (int64_t i = window.first_scored; i < window.end; ++i) {
            ++scored[static_cast<size_t>(i)];
            const int64_t seen = i - window.begin + 1;  // tokens before the predicted one
            ASSERT_GE(seen, std::min(i + 1, context - stride + 1));
          }
        }
        ASSERT_TRUE(std::all_of(scored.begin(), scored.end(), [](int count) { return count == 1; }))
            << n << " " << context << " " << stride;
      }
    }
  }
}

// tokens [prefix, x0, x1, ...]: position p of this list is input p; prediction i is x_i.
struct RollingWindow {
  int64_t first_input, last_input, num_scored;
};
std::vector<RollingWindow> rolling_windows(int64_t n, int64_t max_len) {
  std::vector<RollingWindow> windows;
  int64_t predicted = std::min(max_len, n);
  if (n > 0) windows.push_back({0, predicted - 1, predicted});
  while (predicted < n) {
    const int64_t length = std::min(n - predicted, max_len);
    const int64_t end = predicted + length;
    windows.push_back({end - max_len, end - 1, length});  // input is always max_len long
    predicted = end;
  }
  return windows;
}

TEST(SlidingWindowTest, EqualsRollingWindowsWhenStrideIsTheContext) {
  for (int64_t n = 0; n <= 50; ++n) {
    for (int64_t context = 1; context <= 11; ++context) {
      const auto expected = rolling_windows(n, context);
      const auto found = sliding_windows(n, context, context);
      ASSERT_EQ(found.size(), expected.size());
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].begin, expected[i].first_input);
        EXPECT_EQ(found[i].end - 1, expected[i].last_input);
        EXPECT_EQ(found[i].end - found[i].first_scored, expected[i].num_scored);
      }
    }
  }
}

}  // namespace
}  // namespace llm::eval
