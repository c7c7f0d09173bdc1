#include "llm/generate/sampler.h"

#include <algorithm>
#include <cmath>

#include "llm/core/check.h"

namespace llm::generate {

namespace {

// Checks the ranges of SamplingConfig::visit.
void validate(const SamplingConfig& config) {
  SamplingConfig checked;
  core::parse_config(core::dump_config(config), checked);
}

std::vector<std::unique_ptr<const Filter>> make_filters(const SamplingConfig& config) {
  std::vector<std::unique_ptr<const Filter>> filters;
  const bool penalizes = config.repeat_penalty != 1.0 || config.presence_penalty != 0.0 ||
                         config.frequency_penalty != 0.0;
  if (penalizes && config.repeat_last_n != 0) {
    filters.push_back(std::make_unique<Penalties>(
        Penalties::Settings{config.repeat_penalty, config.presence_penalty,
                            config.frequency_penalty, config.repeat_last_n}));
  }
  // No filter drops the likeliest candidate, so at temperature 0 they cannot change the result.
  if (config.temperature > 0) {
    if (config.top_k > 0) filters.push_back(std::make_unique<TopK>(config.top_k));
    if (config.top_p < 1) filters.push_back(std::make_unique<TopP>(config.top_p));
    if (config.min_p > 0) filters.push_back(std::make_unique<MinP>(config.min_p));
  }
  filters.push_back(std::make_unique<Temperature>(config.temperature));
  return filters;
}

}  // namespace

Sampler::Sampler(const SamplingConfig& config, uint64_t seed) : random_(seed) {
  validate(config);
  filters_ = make_filters(config);
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history) {
  candidates_.assign(logits);
  for (const auto& filter : filters_) filter->apply(candidates_, history);
  return draw();
}

int32_t Sampler::draw() {
  // One number per token, also where there is no choice: the stream stays in step with the text.
  const double uniform = random_.next_double();
  const double largest = candidates_.max_logit();
  cumulative_.clear();
  double sum = 0;
  for (const Candidate& item : candidates_.items()) {
    sum += std::exp(item.logit - largest);
    cumulative_.push_back(sum);
  }
  const auto chosen = std::upper_bound(cumulative_.begin(), cumulative_.end(), uniform * sum);
  LLM_CHECK(chosen != cumulative_.end());
  return candidates_[static_cast<size_t>(chosen - cumulative_.begin())].id;
}

}  // namespace llm::generate
