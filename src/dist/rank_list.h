#pragma once

#include <string>
#include <vector>

namespace llm::dist {

// "rank 3", "ranks 2, 3"; of many the first ten.
std::string rank_list(const std::vector<int>& ranks);

}  // namespace llm::dist
