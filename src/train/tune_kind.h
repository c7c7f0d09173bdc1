// What tells the kinds of tuning runs apart.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llm/core/config_node.h"
#include "llm/corpus/example_reader.h"
#include "llm/objectives/preference.h"
#include "llm/train/tune_config.h"

namespace llm::train {

struct TuneKind {
  corpus::ExampleTask task = corpus::ExampleTask::kSft;
  bool trains_prompts = false;  // of the chosen answers
  bool has_noise = false;       // beside dropout
  bool needs_reference = false;
  std::string best_metric = "loss";
  core::ConfigNode config;  // every setting
  std::function<std::unique_ptr<objectives::Objective>(
      std::vector<std::string> source_names,
      std::shared_ptr<const objectives::ReferenceLogprobs> reference)>
      make_objective;
};

TuneKind kind_of(const SftConfig& config);
TuneKind kind_of(const OrpoConfig& config);
TuneKind kind_of(const DpoConfig& config);
TuneKind kind_of(const SimpoConfig& config);

}  // namespace llm::train
