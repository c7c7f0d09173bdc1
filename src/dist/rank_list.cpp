#include "dist/rank_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace llm::dist {

std::string rank_list(const std::vector<int>& ranks) {
  const size_t shown = std::min<size_t>(ranks.size(), 10);
  const std::string list =
      fmt::format("{}", fmt::join(ranks.begin(), ranks.begin() + static_cast<long>(shown), ", "));
  const std::string more =
      ranks.size() > shown ? fmt::format(" and {} more", ranks.size() - shown) : "";
  return (ranks.size() == 1 ? "rank " : "ranks ") + list + more;
}

}  // namespace llm::dist
