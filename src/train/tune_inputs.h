// The inputs of a tuning run, read and checked before anything is allocated or written, but for the
// tokenised examples, which are kept for the next run.
#pragma once

#include <memory>
#include <optional>

#include "llm/convert/model_source.h"
#include "llm/corpus/example_dataset.h"
#include "llm/data/example_rows.h"
#include "llm/train/tune_session.h"
#include "train/tune_kind.h"

namespace llm::train {

struct TuneInputs {
  // With the tokenizer that model.tokenizer names, where it does; of a model that is trained whole
  // config and weights have its rows, too.
  convert::ModelSource source;
  int64_t table_rows = 0;     // of embedding and head, of an extended vocabulary; else 0
  std::string chat_template;  // Jinja text that checkpoints take along; "": none
  corpus::ExampleDataset examples;
  std::optional<corpus::ExampleDataset> validation_examples;
  std::unique_ptr<data::TokenDataset> replay;  // null: none
  std::unique_ptr<data::ExampleRows> rows;
  std::unique_ptr<data::ExampleRows> validation;  // null: none
  BatchPlan batch;
  int64_t total_steps = 0;

  bool is_extended() const { return table_rows > 0; }
  uint64_t data_fingerprint() const;
  std::vector<std::string> source_names() const;  // of the validation data where there are any
};

// Throws: as tune.
TuneInputs open_tuning(const TuneConfig& config, const TuneKind& kind,
                       const SessionOptions& options, const TuneHooks& hooks);

}  // namespace llm::train
