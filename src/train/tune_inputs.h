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
  convert::ModelSource source;
  std::string chat_template;  // Jinja text that checkpoints take along; "": none
  corpus::ExampleDataset examples;
  std::optional<corpus::ExampleDataset> validation_examples;
  std::unique_ptr<data::TokenDataset> replay;  // null: none
  std::unique_ptr<data::ExampleRows> rows;
  std::unique_ptr<data::ExampleRows> validation;  // null: none
  BatchPlan batch;
  int64_t total_steps = 0;

  uint64_t data_fingerprint() const;
  std::vector<std::string> source_names() const;
};

// Throws: as tune.
TuneInputs open_tuning(const TuneConfig& config, const TuneKind& kind,
                       const SessionOptions& options, const TuneHooks& hooks);

}  // namespace llm::train
