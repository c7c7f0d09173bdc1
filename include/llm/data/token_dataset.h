// Token shards as a sequence of training rows of `context_length` tokens.
//
// The shards' documents are laid end to end and cut into windows of `context_length` inputs; window
// i covers tokens [i * context, (i + 1) * context) of its shard, and the target of a token is the
// next token of the same document (the first token of the following window included). The last
// token of a document has no target. A shard's tail that fills no window is left out and counted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "llm/data/batch.h"
#include "llm/io/token_shard.h"

namespace llm::data {

// Immutable after construction; row() may be called from many threads.
class TokenDataset {
 public:
  struct Options {
    std::vector<std::filesystem::path> shards;
    int64_t context_length = 1024;
    uint64_t tokenizer_fingerprint = 0;  // of the tokenizer the run uses
    std::string tokenizer_name;          // for messages
    std::string hint_when_short = "Prepare more text, or set a smaller data.context_length";
    // Told the size of each shard after it was verified; what it throws ends the construction.
    std::function<void(uint64_t file_bytes)> on_verified = {};
  };

  // Reads every byte of every shard once: training on a damaged one would go unnoticed.
  // Throws: what io::TokenShard throws, FormatError for a wrong checksum or id among it; DataError
  // when a shard was made with another tokenizer, or when no window fits.
  explicit TokenDataset(const Options& options);

  int64_t num_rows() const { return num_rows_; }
  int64_t num_tokens() const { return num_tokens_; }            // in all shards
  int64_t num_tail_tokens() const { return num_tail_tokens_; }  // in no row
  int64_t num_documents() const { return num_documents_; }
  uint64_t fingerprint() const { return fingerprint_; }  // of the shards' content, in order
  int64_t context_length() const { return options_.context_length; }
  // The most document pieces a row has: the capacity of a batch's cu_seqlens per row.
  int64_t max_documents_per_row() const { return max_documents_per_row_; }
  // Requires: 0 <= index < num_rows().
  Row row(int64_t index) const;

 private:
  void open_shard(const std::filesystem::path& path);
  void scan_documents(const io::TokenShard& shard, int64_t rows);

  Options options_;
  std::vector<io::TokenShard> shards_;
  std::vector<int64_t> first_row_;  // per shard
  uint64_t fingerprint_ = 0;
  int64_t num_rows_ = 0;
  int64_t num_tokens_ = 0;
  int64_t num_tail_tokens_ = 0;
  int64_t num_documents_ = 0;
  int64_t max_documents_per_row_ = 1;
};

}  // namespace llm::data
