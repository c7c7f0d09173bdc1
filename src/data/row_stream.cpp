#include "llm/data/row_stream.h"

#include "llm/core/rng.h"

namespace llm::data {

double RowStream::epochs_at(int64_t global_index) const {
  const RowPlace place = place_at(global_index);
  return static_cast<double>(place.epoch) +
         static_cast<double>(place.index) / static_cast<double>(rows_in_epoch(place.epoch));
}

RowPlace TokenRows::place_at(int64_t global_index) const {
  return {global_index / dataset_.num_rows(), global_index % dataset_.num_rows()};
}

Row TokenRows::row(const RowPlace& place) const {
  if (!shuffle_) return dataset_.row(place.index);
  const core::Permutation order(static_cast<uint64_t>(dataset_.num_rows()),
                                core::mix_seed(seed_, static_cast<uint64_t>(place.epoch)));
  return dataset_.row(static_cast<int64_t>(order(static_cast<uint64_t>(place.index))));
}

}  // namespace llm::data
