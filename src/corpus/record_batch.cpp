#include "corpus/record_batch.h"

namespace llm::corpus {

std::optional<RecordBatch> next_batch(RecordReader& reader) {
  constexpr size_t kBatchBytes = size_t{256} << 10;
  constexpr size_t kRecordOverhead = 64;  // so that a million empty lines are not one batch
  RecordBatch batch;
  while (batch.bytes < kBatchBytes) {
    auto record = reader.next();
    if (!record) break;
    batch.bytes += record->bytes.size() + kRecordOverhead;
    batch.records.push_back(std::move(*record));
  }
  if (batch.records.empty()) return std::nullopt;
  batch.progress.bytes_done = reader.bytes_done();
  batch.progress.bytes_total = reader.bytes_total();
  return batch;
}

}  // namespace llm::corpus
