// A prepared dataset: the directory that `llmdata prepare` writes and training reads.
//
//   DIR/dataset.json                what is below, written last: a directory without it is no
//   dataset DIR/train-00000.tokens ...      token shards (io/token_shard.h), every document ends
//   with EOS DIR/validation-00000.tokens ... DIR/tokenizer/                  the tokenizer the ids
//   belong to (Hugging Face files)
//
// dataset.json:
//   {"format": "llmtrain dataset", "version": 1,
//    "tokenizer": {"path": "tokenizer", "source": S, "fingerprint": 16 hex digits,
//                  "vocab_size": N, "eos_id": N},
//    "bytes_per_id": 2 | 4,
//    "splits": {"train": {"tokens": N, "documents": N, "text_bytes": N,
//                         "shards": [{"file": S, "bytes": N, "tokens": N, "documents": N}]},
//               "validation": ...},
//    "unknown_bytes": N,
//    "sources": [{"input": S, "files": N, "documents": N, "text_bytes": N, "tokens": N,
//                 "skipped_empty": N, "skipped_invalid": N, "replaced_invalid": N}],
//    "config": the PrepareConfig without inputs and places}
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/core/config_node.h"
#include "llm/corpus/document_reader.h"

namespace llm::corpus {

inline constexpr const char* kDatasetFileName = "dataset.json";

struct DatasetShard {
  std::filesystem::path path;
  uint64_t file_bytes = 0;
  uint64_t tokens = 0;  // EOS included
  uint64_t documents = 0;
};

struct DatasetSplit {
  std::vector<DatasetShard> shards;
  uint64_t tokens = 0;
  uint64_t documents = 0;
  uint64_t text_bytes = 0;
  std::vector<std::filesystem::path> paths() const;
};

// What one of the inputs gave.
struct DatasetSource {
  std::string input;
  uint64_t files = 0;
  uint64_t tokens = 0;
  ReadCounts counts;
};

struct PreparedDataset {
  std::filesystem::path directory;
  std::filesystem::path tokenizer;  // directory/tokenizer
  std::string tokenizer_source;     // the path prepare was given
  uint64_t tokenizer_fingerprint = 0;
  uint64_t vocab_size = 0;
  int32_t eos_id = 0;
  uint32_t bytes_per_id = 2;
  DatasetSplit train;
  DatasetSplit validation;     // without shards when nothing was set aside
  uint64_t unknown_bytes = 0;  // of text for which the vocabulary has no token
  std::vector<DatasetSource> sources;
  core::ConfigNode config;

  uint64_t tokens() const { return train.tokens + validation.tokens; }
  uint64_t documents() const { return train.documents + validation.documents; }
  uint64_t text_bytes() const { return train.text_bytes + validation.text_bytes; }
};

// Throws: ConfigError when the directory holds no finished dataset; FormatError when dataset.json
// is damaged, of another version, or a shard is missing or of another size.
PreparedDataset read_prepared_dataset(const std::filesystem::path& directory);

}  // namespace llm::corpus
