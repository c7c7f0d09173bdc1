// Tuning runs from their configuration to their end: examples, model or adapter, objective,
// checkpoints.
//
// A run that trains every weight writes checkpoints that are Hugging Face model directories; a run
// with lora.r above 0 writes PEFT adapter directories that name their base. Either takes the chat
// template of its data along.
#pragma once

#include <functional>

#include "llm/corpus/example_dataset.h"
#include "llm/text/tokenizer.h"
#include "llm/train/session.h"
#include "llm/train/tune_config.h"

namespace llm::train {

// What the caller brings, because it stands above this room.
struct TuneHooks {
  // Perplexity of texts under the model as it is now (the forgetting gate). Required where the
  // config has gate.texts.
  std::function<double(nn::CausalLM& model, const text::Tokenizer& tokenizer,
                       const GateSection& gate)>
      perplexity;
  // Called while examples are read; what it throws ends the run before it began.
  corpus::ReadProgressHook on_read = {};
};

struct TuneCheck {
  int64_t num_parameters = 0;  // of the model
  int64_t num_trained = 0;     // of them, or of the adapter
  BatchPlan batch;             // tokens_per_step is a mean
  int64_t total_steps = 0;
  int64_t first_step = 0;
  std::filesystem::path resumes_from;  // empty: from the start
  corpus::ExampleDataset train;
  std::optional<corpus::ExampleDataset> validation;
};

// All of the run but the training: examples are read and cached, nothing is allocated. Throws: as
// tune.
TuneCheck check_tuning(const AnyTuneConfig& config, const SessionOptions& options,
                       const TuneHooks& hooks);

// Throws: what Trainer::run and corpus::prepare_examples throw; ConfigError when the run directory
// is in use or holds a run with other settings or another model (by name), and for settings that
// do not go together; DataError when it was trained on other data or with another tokenizer.
RunSummary tune(const AnyTuneConfig& config, const SessionOptions& options, const TuneHooks& hooks);

}  // namespace llm::train
