// Micro-batches of a row stream, made ahead of time. The whole state is one integer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "llm/data/batch.h"
#include "llm/data/row_stream.h"

namespace llm::data {

struct LoaderConfig {
  int64_t rows_per_batch = 1;  // of this rank
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t prefetch = 2;  // batches made ahead by a thread of its own; 0: made on demand
};

// A global micro-batch is world_size * rows_per_batch consecutive indices of the stream; rank r
// takes the r-th run of rows_per_batch.
class DataLoader {
 public:
  // Starts at global row index `next_row` (0, or what state() returned). Requires: the rows outlive
  // the loader.
  DataLoader(const RowStream& rows, const LoaderConfig& config, int64_t next_row);
  ~DataLoader();
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  // Throws: what reading the rows throws.
  Batch next();
  // Global row index of the batch that next() returns next: everything a resumed run needs.
  int64_t state() const { return next_row_; }
  double epoch() const { return rows_.epochs_at(next_row_); }

 private:
  Batch make(int64_t first_row) const;
  void produce(const std::stop_token& stop);

  const RowStream& rows_;
  LoaderConfig config_;
  int64_t next_row_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Batch> ready_;
  std::exception_ptr failure_;
  std::jthread producer_;
};

}  // namespace llm::data
