#include "llm/data/skipped_rows.h"

#include <algorithm>

namespace llm::data {

std::vector<RowRange> joined_ranges(std::vector<RowRange> ranges) {
  std::ranges::sort(ranges, {}, [](const RowRange& range) { return range.begin; });
  std::vector<RowRange> joined;
  for (const RowRange& range : ranges) {
    if (joined.empty() || range.begin > joined.back().end) {
      joined.push_back(range);
    } else {
      joined.back().end = std::max(joined.back().end, range.end);
    }
  }
  return joined;
}

int64_t first_kept_row(const std::vector<RowRange>& skipped, int64_t row, int64_t size) {
  for (const RowRange& range : skipped) {
    if (row < range.end && row + size > range.begin) row = range.end;
  }
  return row;
}

}  // namespace llm::data
