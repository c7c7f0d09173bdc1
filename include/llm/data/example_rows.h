// Rows of SFT and preference data: examples (token shards with loss masks, one per source) packed
// into rows, mixed with rows of plain text where the run replays it.
//
// A sample is a document, or of preference data a pair: two documents in a row, the chosen answer
// first. Samples stand in a random order that is a pure function of (seed, epoch); each run of
// `window` samples of that order is packed on its own. Documents never see each other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "llm/data/packing.h"
#include "llm/data/row_stream.h"
#include "llm/io/token_shard.h"

namespace llm::data {

struct ReplayOptions {
  const TokenDataset* dataset = nullptr;
  double fraction = 0;  // of all tokens, in [0, 1)
};

struct ExampleRowsOptions {
  std::vector<std::filesystem::path> shards;  // one per source, with loss masks
  bool is_preference = false;
  // Preference: a prompt with the same ids before both answers stands once in the row, and the
  // rejected answer continues it (Row::prefixes).
  bool shares_prompts = false;
  bool trains_prompts = false;  // preference: the chosen document's prompt has targets, too
  uint64_t tokenizer_fingerprint = 0;
  Packing packing = Packing::kBestFit;
  int64_t capacity = 1024;     // tokens of a row
  int64_t window = 4096;       // samples that are packed together
  int64_t first_document = 0;  // Batch::document_samples count from here
  uint64_t seed = 0;
  bool shuffle = true;  // false: samples in file order, source after source
  ReplayOptions replay = {};
};

struct ExamplePlan;  // src/data/example_plan.h

// Thread-safe: keeps the plans of two epochs, and makes others on demand.
class ExampleRows final : public RowStream {
 public:
  // Reads every byte of every shard once. Requires: the replay dataset outlives it; best-fit
  // packing: capacity holds every sample; wrapped: no preference data. Throws: what io::TokenShard
  // throws; DataError for shards of another tokenizer, without masks or without samples.
  explicit ExampleRows(ExampleRowsOptions options);
  ~ExampleRows() override;

  int64_t rows_in_epoch(int64_t epoch) const override;
  RowPlace place_at(int64_t global_index) const override;
  Row row(const RowPlace& place) const override;
  int64_t max_documents_per_row() const override { return max_documents_per_row_; }

  int64_t num_documents_in_all() const { return num_samples() * num_documents(); }
  int64_t num_samples() const { return static_cast<int64_t>(samples_.size()); }
  int64_t num_tokens() const { return num_tokens_; }  // of one epoch, replay not counted
  int64_t longest_sample() const { return longest_sample_; }
  int64_t tokens_in_epoch(int64_t epoch) const;          // replay counted
  uint64_t fingerprint() const { return fingerprint_; }  // of the shards' content, in order
  const ExampleRowsOptions& options() const { return options_; }

 private:
  struct Sample {
    int32_t source = 0;
    int64_t document = 0;  // the first, in its shard
    int64_t prefix = 0;    // first tokens of the first document that the second continues
    int64_t length = 0;    // of all its documents, the shared prefix once
  };
  struct DocumentOf {
    int64_t sample = 0;
    int64_t index = 0;  // 0, or 1: the rejected answer
  };
  struct TokenRange {
    int64_t begin = 0, end = 0;  // in the document
  };

  int64_t num_documents() const { return options_.is_preference ? 2 : 1; }  // of a sample
  int64_t shared_prefix(const io::TokenShard& shard, int64_t document) const;
  void open_shard(const std::filesystem::path& path, int32_t source);
  std::shared_ptr<const ExamplePlan> plan(int64_t epoch) const;
  void append_sample(int64_t sample, Row& row) const;
  void append_document(const DocumentOf& which, const TokenRange& range, Row& row) const;
  Row wrapped_row(const ExamplePlan& plan, int64_t index) const;
  Row replay_row(int64_t epoch, int64_t index) const;

  ExampleRowsOptions options_;
  std::vector<io::TokenShard> shards_;
  std::vector<Sample> samples_;
  int64_t num_tokens_ = 0;
  int64_t longest_sample_ = 0;
  int64_t max_documents_per_row_ = 1;
  uint64_t fingerprint_ = 0;

  mutable std::mutex mutex_;
  mutable std::vector<std::pair<int64_t, std::shared_ptr<const ExamplePlan>>> plans_;  // by epoch
  mutable std::mutex places_mutex_;
  mutable std::vector<int64_t> first_row_ = {0};  // of the epochs counted so far, and of the next
};

}  // namespace llm::data
