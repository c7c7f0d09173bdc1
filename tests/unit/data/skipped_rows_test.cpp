// Oracle: a set of rows, searched one by one.
#include "llm/data/skipped_rows.h"

#include <gtest/gtest.h>

#include <set>

#include "llm/core/rng.h"

namespace llm::data {
namespace {

std::set<int64_t> rows_of(const std::vector<RowRange>& ranges) {
  std::set<int64_t> rows;
  for (const RowRange& range : ranges) {
    for (int64_t row = range.begin; row < range.end; ++row) rows.insert(row);
  }
  return rows;
}

bool is_free(const std::set<int64_t>& skipped, int64_t row, int64_t size) {
  const auto found = skipped.lower_bound(row);
  return found == skipped.end() || *found >= row + size;
}

TEST(SkippedRows, EveryStepLiesBehindWhatItWouldTouch) {
  core::PhiloxStream random(7);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<RowRange> ranges;
    for (int i = 0; i < 6; ++i) {
      const auto begin = static_cast<int64_t>(random.next_below(60));
      ranges.push_back({begin, begin + 1 + static_cast<int64_t>(random.next_below(9))});
    }
    const auto joined = joined_ranges(ranges);
    const auto skipped = rows_of(ranges);
    EXPECT_EQ(rows_of(joined), skipped);
    for (size_t i = 1; i < joined.size(); ++i) EXPECT_GT(joined[i].begin, joined[i - 1].end);
    for (int64_t row = 0; row < 80; ++row) {
      const int64_t size = 1 + row % 5;
      int64_t expected = row;
      while (!is_free(skipped, expected, size)) ++expected;
      EXPECT_EQ(first_kept_row(joined, row, size), expected);
    }
  }
}

}  // namespace
}  // namespace llm::data
