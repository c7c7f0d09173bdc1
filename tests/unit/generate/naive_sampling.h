// Sampling written for reading alone: fp64, full sorts, one vector of survivors. The oracle of the
// fast one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "llm/generate/sampling_config.h"

namespace llm::generate::testing {

struct NaiveToken {
  int32_t id;
  double logit;
};
using NaiveTokens = std::vector<NaiveToken>;

inline NaiveTokens naive_tokens(const std::vector<float>& logits) {
  NaiveTokens tokens;
  for (size_t i = 0; i < logits.size(); ++i) tokens.push_back({static_cast<int32_t>(i), logits[i]});
  return tokens;
}

inline NaiveTokens naive_sorted(NaiveTokens tokens) {
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto& a, const auto& b) { return a.logit > b.logit; });
  return tokens;
}

inline std::vector<double> naive_softmax(const NaiveTokens& tokens) {
  double largest = -INFINITY;
  for (const auto& t : tokens) largest = std::max(largest, t.logit);
  double sum = 0;
  std::vector<double> p;
  for (const auto& t : tokens) sum += std::exp(t.logit - largest);
  for (const auto& t : tokens) p.push_back(std::exp(t.logit - largest) / sum);
  return p;
}

inline NaiveTokens naive_penalties(NaiveTokens tokens, const SamplingConfig& c,
                                   const std::vector<int32_t>& history) {
  for (auto& t : tokens) {
    int64_t count = 0;
    for (size_t back = 1; back <= history.size(); ++back) {
      const bool recent = c.repeat_last_n < 0 || static_cast<int64_t>(back) <= c.repeat_last_n;
      if (recent && history[history.size() - back] == t.id) ++count;
    }
    if (count == 0) continue;
    t.logit = t.logit > 0 ? t.logit / c.repeat_penalty : t.logit * c.repeat_penalty;
    t.logit -= static_cast<double>(count) * c.frequency_penalty + c.presence_penalty;
  }
  return tokens;
}

inline NaiveTokens naive_top_k(const NaiveTokens& tokens, int64_t k) {
  NaiveTokens sorted = naive_sorted(tokens);
  if (k > 0 && k < std::ssize(sorted)) sorted.resize(static_cast<size_t>(k));
  return sorted;
}

inline NaiveTokens naive_top_p(const NaiveTokens& tokens, double p) {
  const NaiveTokens sorted = naive_sorted(tokens);
  const auto probability = naive_softmax(sorted);
  NaiveTokens kept;
  double sum = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    kept.push_back(sorted[i]);
    sum += probability[i];
    if (p < 1 && sum >= p) break;
  }
  return kept;
}

inline NaiveTokens naive_min_p(const NaiveTokens& tokens, double p) {
  const auto probability = naive_softmax(tokens);
  const double largest = *std::max_element(probability.begin(), probability.end());
  NaiveTokens kept;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (probability[i] >= p * largest) kept.push_back(tokens[i]);
  }
  return kept;
}

// The exact distribution a sampler draws from: id -> probability.
inline std::map<int32_t, double> naive_distribution(const std::vector<float>& logits,
                                                    const SamplingConfig& c,
                                                    const std::vector<int32_t>& history) {
  NaiveTokens tokens = naive_penalties(naive_tokens(logits), c, history);
  if (c.temperature == 0) return {{naive_sorted(tokens)[0].id, 1.0}};
  tokens = naive_min_p(naive_top_p(naive_top_k(tokens, c.top_k), c.top_p), c.min_p);
  for (auto& t : tokens) t.logit /= c.temperature;
  const auto probability = naive_softmax(tokens);
  std::map<int32_t, double> out;
  for (size_t i = 0; i < tokens.size(); ++i) out[tokens[i].id] = probability[i];
  return out;
}

}  // namespace llm::generate::testing
