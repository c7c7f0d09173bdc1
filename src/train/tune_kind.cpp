#include "train/tune_kind.h"

#include "llm/objectives/nll.h"

namespace llm::train {

namespace {

using Names = std::vector<std::string>;
using Reference = std::shared_ptr<const objectives::ReferenceLogprobs>;

TuneKind preference_kind(core::ConfigNode config, std::string best_metric) {
  return {.task = corpus::ExampleTask::kPreference,
          .best_metric = std::move(best_metric),
          .config = std::move(config),
          .make_objective = {}};
}

}  // namespace

TuneKind kind_of(const SftConfig& config) {
  const double alpha = config.neftune_alpha;
  return {.has_noise = alpha > 0,
          .config = core::dump_config(config),
          .make_objective = [alpha](Names, Reference) {
            return std::make_unique<objectives::NllObjective>(
                objectives::NllOptions{.with_metrics = true, .neftune_alpha = alpha});
          }};
}

TuneKind kind_of(const OrpoConfig& config) {
  TuneKind kind = preference_kind(core::dump_config(config), "log_odds_ratio");
  kind.trains_prompts = config.nll_scope == NllScope::kFull;
  kind.make_objective = [beta = config.beta](Names names, Reference) {
    return std::make_unique<objectives::OrpoObjective>(objectives::OrpoOptions{.beta = beta},
                                                       std::move(names));
  };
  return kind;
}

TuneKind kind_of(const DpoConfig& config) {
  TuneKind kind = preference_kind(core::dump_config(config), "rewards/accuracies");
  kind.needs_reference = true;
  kind.make_objective = [beta = config.beta](Names names, Reference reference) {
    return std::make_unique<objectives::DpoObjective>(
        objectives::DpoOptions{.beta = beta, .reference = std::move(reference)}, std::move(names));
  };
  return kind;
}

TuneKind kind_of(const SimpoConfig& config) {
  TuneKind kind = preference_kind(core::dump_config(config), "rewards/accuracies");
  kind.make_objective = [beta = config.beta, gamma = config.gamma](Names names, Reference) {
    return std::make_unique<objectives::SimpoObjective>(
        objectives::SimpoOptions{.beta = beta, .gamma = gamma}, std::move(names));
  };
  return kind;
}

}  // namespace llm::train
