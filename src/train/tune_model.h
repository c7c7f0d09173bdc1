// The model of a tuning run: every weight trained, or a frozen base with an adapter.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "llm/nn/lora.h"
#include "train/resume.h"
#include "train/tune_adapter.h"
#include "train/tune_inputs.h"

namespace llm::train {

struct TunedModel {
  std::unique_ptr<tensor::ParameterStore> base;     // trained itself when there is no adapter
  std::unique_ptr<tensor::ParameterStore> adapter;  // null: none
  TunedLora lora;
  uint64_t base_fingerprint = 0;  // of an adapter's base
  std::unique_ptr<nn::CausalLM> model;

  tensor::ParameterStore& trained() const { return adapter ? *adapter : *base; }
};

// Without gradients, moments and what a checkpoint holds: the model that tuning begins with.
// Throws: ConfigError for an adapter that does not fit the model, what loading throws.
TunedModel make_tuned_model(const TuneConfig& config, const TuneInputs& inputs,
                            const SessionOptions& options);

// Gradients and moments; weights and moments of the checkpoint.
void prepare_training(TunedModel& tuned, const arch::ModelConfig& base,
                      const std::optional<ResumePoint>& resume, const SessionOptions& options,
                      const DistSection& dist);

// What a checkpoint of it holds, the adapter or the whole model. Requires: both outlive it.
ModelFiles tuned_model_files(const TunedModel& tuned, const TuneInputs& inputs);

}  // namespace llm::train
