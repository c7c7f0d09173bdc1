#include "llm/data/batch.h"

#include <algorithm>

#include "llm/core/check.h"

namespace llm::data {

Batch Batch::to(at::Device device) const {
  if (device.is_cpu()) return *this;
  Batch moved = *this;
  for (at::Tensor* tensor : {&moved.ids, &moved.targets, &moved.positions, &moved.cu_seqlens}) {
    *tensor = tensor->pin_memory().to(device, /*non_blocking=*/true);
  }
  return moved;
}

namespace {

struct Cursor {
  int32_t* ids;
  int64_t* targets;
  int32_t* positions;
  int32_t* border;  // next entry of cu_seqlens
  int32_t token = 0;
};

void append_row(const Row& row, Cursor& at, Batch& batch) {
  const size_t tokens = row.ids.size();
  LLM_CHECK(row.targets.size() == tokens && row.document_ids.size() == row.document_lengths.size());
  std::copy(row.ids.begin(), row.ids.end(), at.ids + at.token);
  std::copy(row.targets.begin(), row.targets.end(), at.targets + at.token);
  batch.num_trained += static_cast<int64_t>(tokens) -
                       std::count(row.targets.begin(), row.targets.end(), kIgnoreTarget);
  for (const int32_t length : row.document_lengths) {
    for (int32_t position = 0; position < length; ++position) at.positions[at.token++] = position;
    *at.border++ = at.token;
    batch.max_seqlen = std::max<int64_t>(batch.max_seqlen, length);
  }
  batch.document_lengths.insert(batch.document_lengths.end(), row.document_lengths.begin(),
                                row.document_lengths.end());
  batch.document_ids.insert(batch.document_ids.end(), row.document_ids.begin(),
                            row.document_ids.end());
}

}  // namespace

Batch collate(const std::vector<Row>& rows, int64_t document_capacity) {
  int64_t tokens = 0;
  int64_t documents = 0;
  for (const Row& row : rows) {
    tokens += static_cast<int64_t>(row.ids.size());
    documents += static_cast<int64_t>(row.document_lengths.size());
  }
  LLM_CHECK(documents <= document_capacity, "{} documents exceed the capacity {}", documents,
            document_capacity);
  Batch batch;
  batch.ids = at::empty({tokens}, at::kInt);
  batch.targets = at::empty({tokens}, at::kLong);
  batch.positions = at::empty({tokens}, at::kInt);
  batch.cu_seqlens = at::full({document_capacity + 1}, tokens, at::kInt);
  batch.num_documents = documents;
  auto* borders = batch.cu_seqlens.mutable_data_ptr<int32_t>();
  borders[0] = 0;
  Cursor cursor{batch.ids.mutable_data_ptr<int32_t>(), batch.targets.mutable_data_ptr<int64_t>(),
                batch.positions.mutable_data_ptr<int32_t>(), borders + 1};
  for (const Row& row : rows) append_row(row, cursor, batch);
  LLM_CHECK(cursor.token == tokens, "document lengths do not sum to the row");
  return batch;
}

}  // namespace llm::data
