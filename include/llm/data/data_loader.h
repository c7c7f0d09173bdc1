// Micro-batches in an order that is a pure function of (seed, epoch, global row index): never of
// the world size, nor of how often the run was restarted (design section 1.5). The whole state is
// one integer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "llm/data/batch.h"
#include "llm/data/token_dataset.h"

namespace llm::data {

// Row that stands at global index g of the endless stream: epoch g / N, place g % N, shuffled by a
// stateless permutation of that epoch.
class RowOrder {
 public:
  RowOrder(int64_t num_rows, uint64_t seed, bool shuffle)
      : num_rows_(num_rows), seed_(seed), shuffle_(shuffle) {}
  int64_t row_at(int64_t global_index) const;
  double epoch_at(int64_t global_index) const;  // with its fraction

 private:
  int64_t num_rows_;
  uint64_t seed_;
  bool shuffle_;
};

struct LoaderConfig {
  int64_t rows_per_batch = 1;  // of this rank
  uint64_t seed = 0;
  bool shuffle = true;
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t prefetch = 2;  // batches made ahead by a thread of its own; 0: made on demand
};

// A global micro-batch is world_size * rows_per_batch consecutive indices of the stream; rank r
// takes the r-th run of rows_per_batch.
class DataLoader {
 public:
  // Starts at global row index `next_row` (0, or what state() returned). Requires: the dataset
  // outlives the loader.
  DataLoader(const TokenDataset& dataset, const LoaderConfig& config, int64_t next_row);
  ~DataLoader();
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  // Throws: what reading the shards throws.
  Batch next();
  // Global row index of the batch that next() returns next: everything a resumed run needs.
  int64_t state() const { return next_row_; }
  double epoch() const { return order_.epoch_at(next_row_); }

 private:
  Batch make(int64_t first_row) const;
  void produce(const std::stop_token& stop);

  const TokenDataset& dataset_;
  LoaderConfig config_;
  RowOrder order_;
  int64_t next_row_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Batch> ready_;
  std::exception_ptr failure_;
  std::jthread producer_;
};

}  // namespace llm::data
