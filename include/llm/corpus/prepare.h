// `prepare`: documents -> ids -> token shards, streamed.
//
// One thread reads, num_threads threads parse and tokenise, the calling thread writes. The output
// depends on the inputs and the config alone, never on the number of threads, and documents keep
// their order. Memory is bounded by what is in flight and by the documents held back until
// both sides have one (64 MiB of ids at most), plus 16 bytes per document of a shard.
//
// Split: a document goes to validation when a hash of (split_seed, document id) falls below
// validation_fraction, where the id is XXH3-64 of its text; so equal documents always land on the
// same side. Where all documents among the first 64 MiB of ids (or the whole input) fall on one
// side, the one next to the border changes over, so that both sides have one; a single document is
// for training.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/corpus/dataset.h"
#include "llm/corpus/document_reader.h"

namespace llm::corpus {

enum class TokenDtype { kAuto, kU16, kU32 };
const std::vector<std::pair<TokenDtype, std::string>>& config_enum_names(TokenDtype);

struct PrepareConfig {
  std::vector<std::string> input;
  std::string tokenizer;
  std::string out;
  ReadOptions read;
  double validation_fraction = 0.01;
  int64_t split_seed = 0;
  TokenDtype dtype = TokenDtype::kAuto;
  int64_t max_tokens_per_shard = 100'000'000;

  template <class V>
  void visit(V& v) {
    v.field("input", input, "files, folders or quoted patterns to read");
    v.field("tokenizer", tokenizer,
            "tokenizer, model or run directory, tokenizer file, or GGUF file");
    v.field("out", out, "directory to write; must not exist yet");
    read.visit(v);
    v.field("validation_fraction", validation_fraction,
            "share of the documents set aside for validation; 0: none",
            core::between_open_high(0, 1));
    v.field("split_seed", split_seed, "another seed sets other documents aside");
    v.field("dtype", dtype, "type of the ids on disk; auto: u16 where the vocabulary fits");
    v.field("max_tokens_per_shard", max_tokens_per_shard,
            "a new shard begins before this is exceeded", core::at_least(1));
  }
};

struct PrepareOptions {
  int num_threads = 1;
  bool force = false;  // replace a finished dataset at `out`
  ReadProgressHook progress = {};
};

// Writes into "OUT.partial" and renames it to OUT at the end, so OUT either is a whole dataset or
// is not there; what a killed run left behind is cleared by the next one. A dataset replaced under
// `force` stays until the new one is complete.
// Throws: ConfigError (an input or the tokenizer is missing, `out` exists, u16 with a vocabulary
// above 65536, a tokenizer without EOS) before anything is written; what visit_documents throws;
// IoError (disk full), after which nothing is left behind.
PreparedDataset prepare(const PrepareConfig& config, const PrepareOptions& options);

}  // namespace llm::corpus
