#include "llm/data/batch.h"

#include <algorithm>

#include "llm/core/check.h"

namespace llm::data {

Batch Batch::to(at::Device device) const {
  if (device.is_cpu()) return *this;
  Batch moved = *this;
  for (at::Tensor* tensor : {&moved.ids, &moved.targets, &moved.positions, &moved.cu_seqlens,
                             &moved.answers, &moved.shared_rows, &moved.shared_targets}) {
    if (tensor->defined()) *tensor = tensor->pin_memory().to(device, /*non_blocking=*/true);
  }
  return moved;
}

namespace {

struct Cursor {
  int32_t* ids;
  int64_t* targets;
  int32_t* positions;
  int32_t* border;  // next entry of cu_seqlens
  bool* answers;    // nullptr: the rows have none
  int32_t token = 0;
};

int32_t prefix_of(const Row& row, size_t document) {
  return row.prefixes.empty() ? 0 : row.prefixes[document];
}

// Of the document in [begin, begin + length) of a row.
int32_t count_targets(const Row& row, size_t begin, int32_t length) {
  const auto first = row.targets.begin() + static_cast<std::ptrdiff_t>(begin);
  return length - static_cast<int32_t>(std::count(first, first + length, kIgnoreTarget));
}

int32_t count_answers(const Row& row, size_t begin, int32_t length) {
  if (row.answers.empty()) return 0;
  const auto first = row.answers.begin() + static_cast<std::ptrdiff_t>(begin);
  return static_cast<int32_t>(std::count(first, first + length, uint8_t{1}));
}

void append_documents(const Row& row, Batch& batch) {
  size_t begin = 0;
  for (size_t i = 0; i < row.document_lengths.size(); ++i) {
    const int32_t length = row.document_lengths[i];
    batch.document_lengths.push_back(length);
    batch.document_ids.push_back(row.document_ids[i]);
    // The first id behind a prefix is a target, too: that of the prefix's last token.
    const int32_t behind_prefix = prefix_of(row, i) > 0 ? 1 : 0;
    batch.document_targets.push_back(count_targets(row, begin, length) + behind_prefix);
    batch.document_answers.push_back(count_answers(row, begin, length) + behind_prefix);
    batch.document_sources.push_back(row.sources.empty() ? 0 : row.sources[i]);
    batch.document_samples.push_back(row.samples.empty() ? static_cast<int64_t>(row.document_ids[i])
                                                         : row.samples[i]);
    batch.num_trained += batch.document_targets.back();
    batch.max_seqlen = std::max<int64_t>(batch.max_seqlen, length);
    begin += static_cast<size_t>(length);
  }
}

void append_row(const Row& row, Cursor& at, Batch& batch) {
  const size_t tokens = row.ids.size();
  const size_t documents = row.document_lengths.size();
  LLM_CHECK(row.targets.size() == tokens && row.document_ids.size() == documents);
  LLM_CHECK(row.sources.empty() || row.sources.size() == documents);
  LLM_CHECK(row.samples.empty() || row.samples.size() == documents);
  LLM_CHECK(row.prefixes.empty() || row.prefixes.size() == documents);
  LLM_CHECK(row.answers.size() == (at.answers == nullptr ? 0 : tokens));
  std::copy(row.ids.begin(), row.ids.end(), at.ids + at.token);
  std::copy(row.targets.begin(), row.targets.end(), at.targets + at.token);
  if (at.answers != nullptr)
    std::copy(row.answers.begin(), row.answers.end(), at.answers + at.token);
  for (size_t i = 0; i < documents; ++i) {
    const int32_t first = prefix_of(row, i);
    for (int32_t t = 0; t < row.document_lengths[i]; ++t) at.positions[at.token++] = first + t;
    *at.border++ = at.token;
  }
  append_documents(row, batch);
}

// The tokens with two targets, once all documents are laid out.
void share_prefixes(const std::vector<Row>& rows, Batch& batch) {
  const auto has_prefixes = [](const Row& row) { return !row.prefixes.empty(); };
  if (std::ranges::none_of(rows, has_prefixes)) return;
  std::vector<int64_t> shared_rows, shared_targets;
  int64_t token = 0;
  for (const Row& row : rows) {
    int64_t before = token;  // where the document before this one begins
    for (size_t i = 0; i < row.document_lengths.size(); ++i) {
      const int32_t prefix = prefix_of(row, i);
      batch.document_prefixes.push_back(prefix);
      if (prefix > 0) {
        LLM_CHECK(i > 0 && prefix <= row.document_lengths[i - 1]);
        shared_rows.push_back(before + prefix - 1);
        shared_targets.push_back(batch.ids.const_data_ptr<int32_t>()[token]);
      }
      before = token;
      token += row.document_lengths[i];
    }
  }
  if (shared_rows.empty()) {
    batch.document_prefixes.clear();
    return;
  }
  batch.shared_rows = at::tensor(shared_rows, at::kLong);
  batch.shared_targets = at::tensor(shared_targets, at::kLong);
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
  const bool has_answers = !rows.empty() && !rows.front().answers.empty();
  if (has_answers) batch.answers = at::empty({tokens}, at::kBool);
  Cursor cursor{batch.ids.mutable_data_ptr<int32_t>(), batch.targets.mutable_data_ptr<int64_t>(),
                batch.positions.mutable_data_ptr<int32_t>(), borders + 1,
                has_answers ? batch.answers.mutable_data_ptr<bool>() : nullptr};
  for (const Row& row : rows) append_row(row, cursor, batch);
  LLM_CHECK(cursor.token == tokens, "document lengths do not sum to the row");
  share_prefixes(rows, batch);
  return batch;
}

}  // namespace llm::data
