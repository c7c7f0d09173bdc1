// The micro-batches of training steps, made ahead of time. The state is one integer, and the rows
// to skip.
//
// A step is `batches_per_step` micro-batches of consecutive rows of the stream, whatever the number
// of ranks: rank r of W makes those numbered r, r + W, ... So a run is the same on any number of
// ranks, and a resumed one may change it. Rows to skip are passed by where a step would touch them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "llm/data/batch.h"
#include "llm/data/row_stream.h"
#include "llm/data/skipped_rows.h"

namespace llm::data {

struct LoaderConfig {
  int64_t rows_per_batch = 1;
  int64_t batches_per_step = 1;  // of all ranks together
  int64_t rank = 0;
  int64_t world_size = 1;
  std::vector<RowRange> skipped = {};  // joined; steps lie beside them
  int64_t prefetch = 2;  // batches made ahead by a thread of its own; 0: made on demand
};

class DataLoader {
 public:
  // Starts with the step whose first row is `next_row` (0, or what state() returned). Requires: the
  // rows outlive the loader.
  DataLoader(const RowStream& rows, const LoaderConfig& config, int64_t next_row);
  ~DataLoader();
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  // This rank's micro-batches of the next step, in order; none on ranks beyond batches_per_step.
  // Throws: what reading the rows throws.
  std::vector<Batch> next_step();
  // Of the next step, on every rank the same: everything a resumed run needs beside what it skips.
  int64_t state() const { return next_row_; }
  // Of the step that next_step() returned last.
  RowRange step_rows() const { return {next_row_ - rows_per_step(), next_row_}; }
  double epoch() const { return rows_.epochs_at(next_row_); }

 private:
  int64_t rows_per_step() const { return config_.batches_per_step * config_.rows_per_batch; }
  int64_t step_from(int64_t row) const {
    return first_kept_row(config_.skipped, row, rows_per_step());
  }
  Batch make(int64_t first_row) const;
  Batch take(int64_t first_row);
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
