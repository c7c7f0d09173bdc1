// Records in portions that are worth handing to another thread.
#pragma once

#include <optional>
#include <vector>

#include "llm/corpus/document_reader.h"

namespace llm::corpus {

// Bytes of records between reader and writer: what bounds the memory of a pipeline.
inline constexpr size_t kMaxBytesInFlight = size_t{32} << 20;

struct RecordBatch {
  std::vector<Record> records;
  size_t bytes = 0;
  ReadProgress progress;  // as far as the reader is behind this batch; documents stays 0
};

// At least one record and then up to about 256 KiB; nothing at the end. Throws: as
// RecordReader::next.
std::optional<RecordBatch> next_batch(RecordReader& reader);

}  // namespace llm::corpus
