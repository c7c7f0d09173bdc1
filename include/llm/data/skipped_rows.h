// Rows of a stream that training leaves out: part of a loader's state, so that a run that skipped
// some can be repeated.
#pragma once

#include <cstdint>
#include <vector>

namespace llm::data {

// Global indices [begin, end) of a RowStream.
struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const RowRange&) const = default;
};

// Ascending, and joined where they touch or overlap.
std::vector<RowRange> joined_ranges(std::vector<RowRange> ranges);

// Where a step of `size` rows that would begin at `row` begins: behind every range it would touch.
// Requires: joined ranges.
int64_t first_kept_row(const std::vector<RowRange>& skipped, int64_t row, int64_t size);

}  // namespace llm::data
