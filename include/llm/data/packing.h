// How documents of different lengths share rows of a fixed capacity.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llm::data {

enum class Packing {
  kBestFit,  // "bfd": whole documents, best fit decreasing
  kWrapped,  // "wrapped": end to end, cut where a row is full: documents are torn apart
  kOff       // "off": a row for each
};
const std::vector<std::pair<Packing, std::string>>& config_enum_names(Packing);

// Items by row: each item goes, longest first, into the row that it fills best, or into a new one.
// Items of equal length keep their order, and so do rows that are equally full. O(n log n).
// Requires: every length in [1, capacity].
std::vector<std::vector<int32_t>> pack_best_fit(const std::vector<int64_t>& lengths,
                                                int64_t capacity);

}  // namespace llm::data
