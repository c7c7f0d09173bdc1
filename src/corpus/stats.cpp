#include "llm/corpus/stats.h"

#include <algorithm>
#include <bit>
#include <mutex>

#include "llm/io/token_shard.h"

namespace llm::corpus {
namespace {

void count_tokens(std::span<const int32_t> ids, std::vector<uint64_t>& counts) {
  for (const int32_t id : ids) ++counts[static_cast<size_t>(id)];
}

void add_shard(const io::TokenShard& shard, CorpusStats& stats) {
  constexpr uint64_t kChunk = uint64_t{1} << 20;
  const io::TokenShardInfo& info = shard.info();
  for (uint64_t i = 0; i < info.num_documents; ++i) {
    stats.lengths.add(shard.document_start(i + 1) - shard.document_start(i));
  }
  std::vector<int32_t> ids;
  for (uint64_t begin = 0; begin < info.num_tokens; begin += kChunk) {
    ids.resize(std::min(kChunk, info.num_tokens - begin));
    shard.read(begin, ids);
    count_tokens(ids, stats.token_counts);
  }
}

}  // namespace

void LengthHistogram::add(uint64_t length) {
  smallest = count == 0 ? length : std::min(smallest, length);
  largest = std::max(largest, length);
  buckets[static_cast<size_t>(std::bit_width(length))] += 1;
  count += 1;
  sum += length;
}

CorpusStats dataset_stats(const PreparedDataset& dataset) {
  CorpusStats stats;
  stats.documents = dataset.documents();
  stats.bytes = dataset.text_bytes();
  stats.tokens = dataset.tokens();
  stats.unknown_bytes = dataset.unknown_bytes;
  for (const DatasetSource& source : dataset.sources) stats.read.add(source.counts);
  stats.token_counts.resize(dataset.vocab_size);
  for (const DatasetSplit* split : {&dataset.train, &dataset.validation}) {
    for (const DatasetShard& entry : split->shards) {
      const io::TokenShard shard(entry.path);
      shard.verify();
      add_shard(shard, stats);
    }
  }
  return stats;
}

CorpusStats input_stats(const std::vector<InputFile>& files, const ReadOptions& options,
                        const text::Tokenizer* tokenizer, int num_threads,
                        const ReadProgressHook& progress) {
  CorpusStats stats;
  if (tokenizer != nullptr) stats.token_counts.resize(static_cast<size_t>(tokenizer->vocab_size()));
  std::mutex mutex;
  const auto visit = [&](const Document& document) {
    std::vector<int32_t> ids;
    uint64_t unknown = 0;
    if (tokenizer != nullptr) {
      ids = tokenizer->encode(document.text);
      unknown = tokenizer->count_unknown(document.text);
    }
    const std::lock_guard lock(mutex);
    stats.lengths.add(tokenizer != nullptr ? ids.size() : document.text.size());
    stats.tokens += ids.size();
    stats.unknown_bytes += unknown;
    count_tokens(ids, stats.token_counts);
  };
  stats.read = visit_documents(files, options, num_threads, visit, progress);
  stats.documents = stats.read.documents;
  stats.bytes = stats.read.bytes;
  return stats;
}

std::vector<TokenCount> most_frequent(const std::vector<uint64_t>& token_counts, size_t limit) {
  std::vector<TokenCount> tokens;
  for (size_t id = 0; id < token_counts.size(); ++id) {
    if (token_counts[id] > 0) tokens.push_back({static_cast<int32_t>(id), token_counts[id]});
  }
  const auto is_before = [](const TokenCount& a, const TokenCount& b) {
    return a.count != b.count ? a.count > b.count : a.id < b.id;
  };
  std::ranges::sort(tokens, is_before);
  tokens.resize(std::min(tokens.size(), limit));
  return tokens;
}

}  // namespace llm::corpus
