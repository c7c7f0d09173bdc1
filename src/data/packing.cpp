#include "llm/data/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "llm/core/check.h"

namespace llm::data {

const std::vector<std::pair<Packing, std::string>>& config_enum_names(Packing) {
  static const std::vector<std::pair<Packing, std::string>> names = {
      {Packing::kBestFit, "bfd"}, {Packing::kWrapped, "wrapped"}, {Packing::kOff, "off"}};
  return names;
}

std::vector<std::vector<int32_t>> pack_best_fit(const std::vector<int64_t>& lengths,
                                                int64_t capacity) {
  std::vector<int32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](int32_t item) { return lengths[item]; });
  std::vector<std::vector<int32_t>> rows;
  std::multimap<int64_t, size_t> by_room;  // room left -> row
  for (const int32_t item : order) {
    const int64_t length = lengths[item];
    LLM_CHECK(length > 0 && length <= capacity, "length {} of at most {}", length, capacity);
    const auto best = by_room.lower_bound(length);
    size_t row = rows.size();
    int64_t room = capacity;
    if (best == by_room.end()) {
      rows.emplace_back();
    } else {
      row = best->second;
      room = best->first;
      by_room.erase(best);
    }
    rows[row].push_back(item);
    by_room.emplace(room - length, row);
  }
  return rows;
}

}  // namespace llm::data
