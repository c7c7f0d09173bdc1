#include "llm/data/data_loader.h"

#include "llm/core/check.h"

namespace llm::data {

DataLoader::DataLoader(const RowStream& rows, const LoaderConfig& config, int64_t next_row)
    : rows_(rows), config_(config), next_row_(next_row) {
  LLM_CHECK(config.rows_per_batch > 0 && config.batches_per_step > 0);
  LLM_CHECK(config.rank >= 0 && config.rank < config.world_size);
  if (config_.prefetch > 0 && config_.rank < config_.batches_per_step) {
    producer_ = std::jthread([this](const std::stop_token& stop) { produce(stop); });
  }
}

DataLoader::~DataLoader() {
  producer_.request_stop();
  changed_.notify_all();
}

Batch DataLoader::make(int64_t first_row) const {
  std::vector<Row> rows;
  rows.reserve(static_cast<size_t>(config_.rows_per_batch));
  for (int64_t i = 0; i < config_.rows_per_batch; ++i)
    rows.push_back(rows_.row(rows_.place_at(first_row + i)));
  return collate(rows, config_.rows_per_batch * rows_.max_documents_per_row());
}

void DataLoader::produce(const std::stop_token& stop) {
  int64_t step_row = step_from(next_row_);
  int64_t batch_index = config_.rank;
  while (!stop.stop_requested()) {
    try {
      Batch batch = make(step_row + batch_index * config_.rows_per_batch);
      batch_index += config_.world_size;
      if (batch_index >= config_.batches_per_step) {
        batch_index = config_.rank;
        step_row = step_from(step_row + rows_per_step());
      }
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop,
                    [this] { return ready_.size() < static_cast<size_t>(config_.prefetch); });
      ready_.push_back(std::move(batch));
      changed_.notify_all();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
      return;
    }
  }
}

Batch DataLoader::take(int64_t first_row) {
  if (config_.prefetch == 0) return make(first_row);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || failure_; });
  if (ready_.empty()) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return batch;
}

std::vector<Batch> DataLoader::next_step() {
  const int64_t first_row = step_from(next_row_);
  std::vector<Batch> batches;
  for (int64_t i = config_.rank; i < config_.batches_per_step; i += config_.world_size)
    batches.push_back(take(first_row + i * config_.rows_per_batch));
  next_row_ = first_row + rows_per_step();
  return batches;
}

}  // namespace llm::data
