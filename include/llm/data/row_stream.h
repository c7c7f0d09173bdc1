// Rows in epochs, in an order that is a pure function of the seed and the place: never of the world
// size, nor of how often the run was restarted (design section 1.5). A loader's whole state is the
// index of the next row.
#pragma once

#include <cstdint>

#include "llm/data/batch.h"
#include "llm/data/token_dataset.h"

namespace llm::data {

struct RowPlace {
  int64_t epoch = 0;
  int64_t index = 0;  // in the epoch's order
};

// Const members may be called from many threads.
class RowStream {
 public:
  virtual ~RowStream() = default;
  virtual int64_t rows_in_epoch(int64_t epoch) const = 0;     // above 0
  virtual RowPlace place_at(int64_t global_index) const = 0;  // epoch after epoch, without end
  virtual Row row(const RowPlace& place) const = 0;           // Throws: what reading it throws
  virtual int64_t max_documents_per_row() const = 0;          // over all epochs

  // Epochs that lie before this row, with their fraction.
  double epochs_at(int64_t global_index) const;
};

// The windows of a token dataset, in a new random order every epoch, or in file order. Requires:
// the dataset outlives it.
class TokenRows final : public RowStream {
 public:
  TokenRows(const TokenDataset& dataset, uint64_t seed, bool shuffle)
      : dataset_(dataset), seed_(seed), shuffle_(shuffle) {}
  int64_t rows_in_epoch(int64_t) const override { return dataset_.num_rows(); }
  RowPlace place_at(int64_t global_index) const override;
  Row row(const RowPlace& place) const override;
  int64_t max_documents_per_row() const override { return dataset_.max_documents_per_row(); }

 private:
  const TokenDataset& dataset_;
  uint64_t seed_;
  bool shuffle_;
};

}  // namespace llm::data
