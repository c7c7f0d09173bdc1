#include "llm/data/token_dataset.h"

#include <algorithm>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "llm/io/hash.h"

namespace llm::data {

TokenDataset::TokenDataset(const Options& options) : options_(options) {
  LLM_CHECK(options_.context_length > 0);
  for (const auto& path : options_.shards) open_shard(path);
  options_.on_verified = {};
  if (num_rows_ == 0) {
    throw core::DataError(
        {options_.shards.empty() ? "token shards" : options_.shards.front().string(),
         fmt::format("at least {} tokens for one row", options_.context_length),
         fmt::format("{} tokens in {} shard(s)", num_tokens_, options_.shards.size()),
         options_.hint_when_short});
  }
}

void TokenDataset::open_shard(const std::filesystem::path& path) {
  io::TokenShard shard(path);
  const auto& info = shard.info();
  if (info.tokenizer_fingerprint != options_.tokenizer_fingerprint) {
    throw core::DataError(
        {path.string(),
         fmt::format("ids of the run's tokenizer {} (fingerprint {})", options_.tokenizer_name,
                     io::hex64(options_.tokenizer_fingerprint)),
         "ids of another tokenizer, fingerprint " + io::hex64(info.tokenizer_fingerprint),
         "Run llmdata prepare with this tokenizer, or give the run the one the data was made "
         "with"});
  }
  shard.verify();
  if (options_.on_verified) options_.on_verified(std::filesystem::file_size(path));
  const auto tokens = static_cast<int64_t>(info.num_tokens);
  const int64_t rows = tokens / options_.context_length;
  scan_documents(shard, rows);
  fingerprint_ = core::mix_seed(fingerprint_, info.checksum);
  first_row_.push_back(num_rows_);
  num_rows_ += rows;
  num_tokens_ += tokens;
  num_tail_tokens_ += tokens - rows * options_.context_length;
  num_documents_ += static_cast<int64_t>(info.num_documents);
  shards_.push_back(std::move(shard));
}

void TokenDataset::scan_documents(const io::TokenShard& shard, int64_t rows) {
  const auto context = static_cast<uint64_t>(options_.context_length);
  const uint64_t documents = shard.info().num_documents;
  uint64_t document = 0;
  for (uint64_t row = 0; row < static_cast<uint64_t>(rows); ++row) {
    const uint64_t end = (row + 1) * context;
    const uint64_t first = document;
    while (document + 1 < documents && shard.document_start(document + 1) < end) ++document;
    max_documents_per_row_ =
        std::max(max_documents_per_row_, static_cast<int64_t>(document - first + 1));
    // A document that ends exactly at the row's end does not reach into the next row.
    if (document + 1 < documents && shard.document_start(document + 1) == end) ++document;
  }
}

Row TokenDataset::row(int64_t index) const {
  LLM_CHECK(index >= 0 && index < num_rows_, "row {} of {}", index, num_rows_);
  const auto shard_index = static_cast<size_t>(
      std::upper_bound(first_row_.begin(), first_row_.end(), index) - first_row_.begin() - 1);
  const io::TokenShard& shard = shards_[shard_index];
  const auto context = static_cast<uint64_t>(options_.context_length);
  const uint64_t begin = static_cast<uint64_t>(index - first_row_[shard_index]) * context;
  const uint64_t end = begin + context;
  const bool has_next = end < shard.info().num_tokens;

  Row row;
  row.ids.resize(context + (has_next ? 1 : 0));
  shard.read(begin, row.ids);
  row.targets.assign(row.ids.begin() + 1, row.ids.end());
  row.targets.resize(context, kIgnoreTarget);
  row.ids.resize(context);
  uint64_t document = shard.document_of(begin);
  for (uint64_t token = begin; token < end; ++document) {
    const uint64_t stop = shard.document_start(document + 1);
    if (stop <= token) continue;  // an empty document
    row.document_lengths.push_back(static_cast<int32_t>(std::min(stop, end) - token));
    row.document_ids.push_back(shard.document_id(document));
    token = std::min(stop, end);
    if (stop <= end) row.targets[stop - 1 - begin] = kIgnoreTarget;
  }
  if (shard.info().has_loss_mask) {
    for (uint64_t i = 0; i < context; ++i) {
      if (begin + i + 1 < shard.info().num_tokens && !shard.is_trained(begin + i + 1))
        row.targets[i] = kIgnoreTarget;
    }
  }
  return row;
}

}  // namespace llm::data
