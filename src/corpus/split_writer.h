// Sends documents to the shards of training or validation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/corpus/dataset.h"
#include "llm/io/token_shard.h"

namespace llm::corpus {

struct TokenizedDocument {
  uint64_t id = 0;           // XXH3-64 of the text
  std::vector<int32_t> ids;  // EOS included
  uint64_t text_bytes = 0;
  size_t file = 0;
};

// Shards NAME-00000.tokens, NAME-00001.tokens, ... of one split. Not thread-safe.
class ShardSeries {
 public:
  ShardSeries(std::filesystem::path directory, std::string name,
              const io::TokenShardWriter::Options& options, uint64_t max_tokens);
  void add(const TokenizedDocument& document);
  DatasetSplit finish();

 private:
  std::filesystem::path shard_path() const;
  void finish_shard();

  std::filesystem::path directory_;
  std::string name_;
  io::TokenShardWriter::Options options_;
  uint64_t max_tokens_;
  std::unique_ptr<io::TokenShardWriter> writer_;
  DatasetSplit split_;
};

// Which documents are for validation (include/llm/corpus/prepare.h). Not thread-safe.
class SplitWriter {
 public:
  struct Options {
    io::TokenShardWriter::Options shard;
    uint64_t max_tokens_per_shard = 0;
    double validation_fraction = 0;
    uint64_t seed = 0;
    uint64_t max_held_tokens = uint64_t{16} << 20;
  };
  SplitWriter(const std::filesystem::path& directory, const Options& options);
  void add(TokenizedDocument document);
  // Requires: called once, after the last document.
  void finish(DatasetSplit& train, DatasetSplit& validation);

 private:
  uint64_t split_hash(uint64_t document_id) const;
  bool is_validation(uint64_t document_id) const;
  void settle();
  void write(const TokenizedDocument& document);

  Options options_;
  ShardSeries train_;
  ShardSeries validation_;
  bool is_holding_;         // until both sides have a document
  bool has_train_ = false;  // among the held ones
  bool has_validation_ = false;
  std::vector<TokenizedDocument> held_;  // in order
  uint64_t held_tokens_ = 0;
  std::optional<uint64_t> moved_;  // id of the document that settle() puts on the other side
};

}  // namespace llm::corpus
