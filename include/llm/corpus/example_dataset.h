// Examples made ready for training: a directory with one token shard per source, and what it was
// made from, so that the next run takes it as it is.
//
//   DIR/NAME.tokens ...   token shards (io/token_shard.h) with loss masks, documents in the order
//   of
//                         the rows; a pair is two documents, chosen and rejected. Ids of documents
//                         are hash_ids of their tokens
//   DIR/examples.json     what is below, written last: a directory without it is no dataset
//
// examples.json:
//   {"format": "llmtrain examples", "version": 1, "task": "sft" | "preference",
//    "fingerprint": 16 hex digits,
//    "tokenizer": {"fingerprint": 16 hex digits, "vocab_size": N}, "template": S,
//    "bytes_per_id": 2 | 4, "config": the EncodeConfig,
//    "sources": [{"name": S, "file": S, "bytes": N, "documents": N, "files": [S], "formats": [S],
//                 "unused_columns": [S], "counts": the ExampleCounts}]}
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/core/config_node.h"
#include "llm/corpus/example_reader.h"

namespace llm::corpus {

inline constexpr const char* kExamplesFileName = "examples.json";

struct ExampleShard {
  std::filesystem::path path;
  uint64_t file_bytes = 0;
  uint64_t documents = 0;  // two for each pair
  ExampleSourceReport source;
};

struct ExampleDataset {
  std::filesystem::path directory;
  ExampleTask task = ExampleTask::kSft;  // never kAuto
  uint64_t fingerprint = 0;
  uint64_t tokenizer_fingerprint = 0;
  uint64_t vocab_size = 0;
  std::string template_name;  // "none" without one
  uint32_t bytes_per_id = 2;
  core::ConfigNode config;
  std::vector<ExampleShard> shards;  // one per source
  bool was_reused = false;           // what lay there already was the same
};

struct PrepareExamplesOptions {
  int num_threads = 1;
  ExampleTask task = ExampleTask::kAuto;
  ReadProgressHook progress = {};
  std::string where = "sources";  // what the person calls the list, for errors: "data.train"
};

// The dataset of these sources at `directory`: what is there when it has the same fingerprint,
// which is XXH3-64 over the content of every input file, the settings of sources and encoder,
// tokenizer and template; else it is built as "DIR.partial" and put in its place. The shards depend
// on neither the number of threads nor on where files lie. Throws: ConfigError when there is no
// source, two have one name, a path is missing or not a file (the standard input cannot be read
// twice), or `directory` holds something else than a dataset of this kind; what ExampleReader
// throws; IoError. What was at `directory` before then stays.
ExampleDataset prepare_examples(std::vector<ExampleSource> sources, const ExampleEncoder& encoder,
                                const std::filesystem::path& directory,
                                const PrepareExamplesOptions& options);

// Throws: ConfigError when the directory holds no finished dataset; FormatError when examples.json
// is damaged, of another version, or a shard is missing or of another size.
ExampleDataset read_example_dataset(const std::filesystem::path& directory);

}  // namespace llm::corpus
