#include "llm/generate/filters.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "llm/core/check.h"

namespace llm::generate {

namespace {

std::span<const int32_t> recent(std::span<const int32_t> history, int64_t last_n) {
  const auto length = static_cast<int64_t>(history.size());
  const int64_t count = last_n < 0 ? length : std::min(last_n, length);
  return history.last(static_cast<size_t>(count));
}

// Sum of exp(z - max).
double partition_sum(const Candidates& candidates, double largest) {
  double sum = 0;
  for (const Candidate& item : candidates.items()) sum += std::exp(item.logit - largest);
  return sum;
}

}  // namespace

void Penalties::apply(Candidates& candidates, std::span<const int32_t> history) const {
  std::unordered_map<int32_t, int64_t> counts;
  for (int32_t id : recent(history, settings_.last_n)) ++counts[id];
  for (const auto& [id, count] : counts) {
    // Still ordered by id: this filter comes first.
    LLM_CHECK(id >= 0 && static_cast<size_t>(id) < candidates.size(), "token {}", id);
    double logit = candidates[static_cast<size_t>(id)].logit;
    logit = logit > 0 ? logit / settings_.repeat : logit * settings_.repeat;
    logit -= static_cast<double>(count) * settings_.frequency + settings_.presence;
    candidates.set_logit(id, static_cast<float>(logit));
  }
}

void TopK::apply(Candidates& candidates, std::span<const int32_t>) const {
  candidates.keep_first(static_cast<size_t>(k_));
}

void TopP::apply(Candidates& candidates, std::span<const int32_t>) const {
  const double largest = candidates.max_logit();
  const double wanted = p_ * partition_sum(candidates, largest);
  constexpr size_t kFirstRun = 64;
  double sum = 0;
  size_t taken = 0;
  for (size_t run = kFirstRun; taken < candidates.size(); run *= 8) {
    candidates.sort_first(run);
    for (; taken < std::min(run, candidates.size()); ++taken) {
      if (taken > 0 && sum >= wanted) return candidates.keep_first(taken);
      sum += std::exp(candidates[taken].logit - largest);
    }
  }
}

void MinP::apply(Candidates& candidates, std::span<const int32_t>) const {
  // At p = 1 the likeliest themselves must survive rounding: ln 1 is exactly 0.
  candidates.keep_at_least(static_cast<float>(candidates.max_logit() + std::log(p_)));
}

void Temperature::apply(Candidates& candidates, std::span<const int32_t>) const {
  if (temperature_ == 0) {
    candidates.keep_first(1);
  } else {
    candidates.scale(temperature_);
  }
}

}  // namespace llm::generate
