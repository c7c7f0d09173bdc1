#include "eval/verify_outputs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace llm::eval {
namespace {

// The head's rows that are in memory at a time, as fp32.
constexpr int64_t kHeadChunkBytes = int64_t{32} << 20;

// Calls visit(first_id, count) for consecutive parts of the vocabulary.
template <class Visit>
void for_head_parts(const arch::ModelConfig& config, Visit&& visit) {
  const int64_t row_bytes = config.hidden_size * int64_t{sizeof(float)};
  const int64_t step = std::max<int64_t>(1, kHeadChunkBytes / row_bytes);
  for (int64_t first = 0; first < config.vocab_size; first += step)
    visit(first, std::min(step, config.vocab_size - first));
}

// The likeliest id after each document; the first of equals.
std::vector<Ids> likeliest(const arch::ModelConfig& config, const nn::LayerwiseLM& model,
                           const at::Tensor& last) {  // [N, D]
  std::vector<Ids> ids(static_cast<size_t>(last.size(0)), Ids{0});
  std::vector<float> best(ids.size(), -std::numeric_limits<float>::infinity());
  for_head_parts(config, [&](int64_t first, int64_t count) {
    const auto [values, places] = model.logits(last, first, count).cpu().max(1);  // [N], [N]
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      const float value = values[row].item<float>();
      if (!(value > best[i])) continue;
      best[i] = value;
      ids[i] = {static_cast<int32_t>(first + places[row].item<int64_t>())};
    }
  });
  return ids;
}

at::Tensor last_rows(const at::Tensor& hidden, const std::vector<Ids>& documents) {  // [T, D]
  std::vector<int64_t> rows;
  int64_t end = 0;
  for (const Ids& ids : documents) rows.push_back((end += static_cast<int64_t>(ids.size())) - 1);
  return hidden.index_select(0, at::tensor(rows, at::kLong).to(hidden.device()));  // [N, D]
}

std::vector<Ids> continue_greedily(const arch::ModelConfig& config, Outputs& outputs,
                                   const std::vector<Ids>& prompts, int64_t length) {
  std::vector<Ids> greedy(prompts.size());
  std::vector<Ids> next = likeliest(config, outputs.model, last_rows(outputs.hidden, prompts));
  for (int64_t i = 0;; ++i) {
    for (size_t k = 0; k < next.size(); ++k)
      greedy[k].insert(greedy[k].end(), next[k].begin(), next[k].end());
    if (i + 1 >= length) return greedy;
    next = likeliest(config, outputs.model, outputs.model.forward(next));
  }
}

}  // namespace

Outputs run_prompts(const arch::ModelConfig& config, nn::WeightReader read,
                    const std::vector<Ids>& prompts, const VerifyOptions& options) {
  const int64_t capacity = options.prompt_tokens + options.greedy_tokens;
  Outputs outputs{
      .model = nn::LayerwiseLM(config, std::move(read), static_cast<int64_t>(prompts.size()),
                               capacity, options.device),
      .hidden = {},
      .greedy = {}};
  outputs.hidden = outputs.model.forward(prompts);
  if (options.greedy_tokens > 0)
    outputs.greedy = continue_greedily(config, outputs, prompts, options.greedy_tokens);
  return outputs;
}

double largest_difference(const arch::ModelConfig& config, const Outputs& a, const Outputs& b) {
  double largest = 0;
  for_head_parts(config, [&](int64_t first, int64_t count) {
    const at::Tensor difference =
        a.model.logits(a.hidden, first, count) - b.model.logits(b.hidden, first, count);
    const double part = at::max(at::abs(difference)).item<double>();
    if (!(part <= largest)) largest = std::isnan(largest) ? largest : part;
  });
  return largest;
}

namespace {

// The prompts' tokens that follow others, and the rows of hidden states that predict them.
struct Predictions {
  std::vector<int64_t> rows, targets;
};

Predictions predictions_of(const std::vector<Ids>& prompts) {
  Predictions predictions;
  int64_t row = 0;
  for (const Ids& ids : prompts) {
    for (size_t i = 1; i < ids.size(); ++i) {
      predictions.rows.push_back(row + static_cast<int64_t>(i) - 1);
      predictions.targets.push_back(ids[i]);
    }
    row += static_cast<int64_t>(ids.size());
  }
  return predictions;
}

}  // namespace

double mean_nll(const arch::ModelConfig& config, const Outputs& outputs,
                const std::vector<Ids>& prompts) {
  const auto [rows, targets] = predictions_of(prompts);
  if (rows.empty()) return 0;
  const at::Tensor hidden = outputs.hidden.index_select(
      0, at::tensor(rows, at::kLong).to(outputs.hidden.device()));  // [N, D]
  at::Tensor log_sum = at::full({hidden.size(0)}, -std::numeric_limits<double>::infinity(),
                                at::kDouble);  // [N]
  double of_targets = 0;
  for_head_parts(config, [&](int64_t first, int64_t count) {
    const at::Tensor logits = outputs.model.logits(hidden, first, count).cpu();  // [N, count]
    log_sum = at::logaddexp(log_sum, logits.logsumexp(1).to(at::kDouble));
    for (size_t i = 0; i < targets.size(); ++i) {
      if (targets[i] >= first && targets[i] < first + count)
        of_targets += logits[static_cast<int64_t>(i)][targets[i] - first].item<double>();
    }
  });
  return (log_sum.sum().item<double>() - of_targets) / static_cast<double>(targets.size());
}

}  // namespace llm::eval
