// What a corpus consists of: counts, document lengths, frequent tokens.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "llm/corpus/dataset.h"
#include "llm/corpus/document_reader.h"
#include "llm/text/tokenizer.h"

namespace llm::corpus {

// Lengths in powers of two: bucket i counts the lengths in [2^(i-1), 2^i), bucket 0 the zeros.
struct LengthHistogram {
  std::array<uint64_t, 65> buckets{};
  uint64_t count = 0;
  uint64_t sum = 0;
  uint64_t smallest = 0;
  uint64_t largest = 0;
  void add(uint64_t length);
  double mean() const { return count == 0 ? 0 : static_cast<double>(sum) / count; }
};

struct CorpusStats {
  uint64_t documents = 0;
  uint64_t bytes = 0;          // of text
  uint64_t tokens = 0;         // 0 without a tokenizer; EOS included where the corpus has it
  uint64_t unknown_bytes = 0;  // for which the vocabulary has no token
  ReadCounts read;             // of raw input: also what was left out
  LengthHistogram lengths;     // in tokens, or in bytes without a tokenizer
  std::vector<uint64_t> token_counts;  // per id; empty without a tokenizer
  double bytes_per_token() const {
    return tokens == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(tokens);
  }
};

// Of the shards of a prepared dataset. Throws: as io::TokenShard.
CorpusStats dataset_stats(const PreparedDataset& dataset);

// Of text files; `tokenizer` may be null. Throws: as visit_documents.
CorpusStats input_stats(const std::vector<InputFile>& files, const ReadOptions& options,
                        const text::Tokenizer* tokenizer, int num_threads,
                        const ReadProgressHook& progress = {});

struct TokenCount {
  int32_t id = 0;
  uint64_t count = 0;
};
// The `limit` most frequent ids that occur at all, most frequent first, ties by the smaller id.
std::vector<TokenCount> most_frequent(const std::vector<uint64_t>& token_counts, size_t limit);

}  // namespace llm::corpus
