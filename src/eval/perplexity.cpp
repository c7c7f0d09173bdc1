#include "llm/eval/perplexity.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/eval/packed_input.h"
#include "llm/eval/sliding_window.h"
#include "llm/kernels/linear_logprob.h"

namespace llm::eval {
namespace {

constexpr int64_t kLongestDefaultContext = 2048;
constexpr int64_t kCpuBatchTokens = 1024;
constexpr int64_t kGpuBatchTokens = 8192;

std::optional<int32_t> prefix_id(const text::Tokenizer& tokenizer, Prefix prefix) {
  std::optional<int32_t> id;
  if (prefix == Prefix::kAuto || prefix == Prefix::kBos) id = tokenizer.bos_id();
  if (prefix == Prefix::kEos || (prefix == Prefix::kAuto && !id)) id = tokenizer.eos_id();
  if (!id && (prefix == Prefix::kBos || prefix == Prefix::kEos)) {
    throw core::ConfigError({.where = "--prefix",
                             .expected = "a token that the tokenizer has",
                             .got = prefix == Prefix::kBos ? "bos" : "eos",
                             .hint = "Use --prefix auto or none."});
  }
  return id;
}

void require_vocabulary(const std::vector<int32_t>& ids, int64_t vocab_size) {
  for (const int32_t id : ids) {
    if (id >= 0 && id < vocab_size) continue;
    throw core::DataError({.where = "token ids",
                           .expected = fmt::format("ids in [0, {})", vocab_size),
                           .got = fmt::format("{}", id),
                           .hint = "The text was encoded with another model's tokenizer."});
  }
}

}  // namespace

ScoredDocument with_prefix(const text::Tokenizer& tokenizer, std::vector<int32_t> ids,
                           int64_t num_bytes, Prefix prefix) {
  ScoredDocument document{.ids = std::move(ids), .num_bytes = num_bytes};
  if (const auto id = prefix_id(tokenizer, prefix)) {
    document.ids.insert(document.ids.begin(), *id);
  } else if (!document.ids.empty()) {
    const std::string first = tokenizer.decode_bytes({document.ids.data(), 1});
    document.num_bytes -= static_cast<int64_t>(first.size());
  }
  return document;
}

ScoredDocument make_document(const text::Tokenizer& tokenizer, std::string_view text,
                             Prefix prefix) {
  return with_prefix(tokenizer, tokenizer.encode(text), static_cast<int64_t>(text.size()), prefix);
}

PerplexityScorer::PerplexityScorer(nn::CausalLM& model, const PerplexityOptions& options)
    : model_(model), batch_tokens_(options.batch_tokens), progress_(options.progress) {
  LLM_CHECK(options.context >= 0 && options.stride >= 0 && options.batch_tokens >= 0);
  if (batch_tokens_ == 0) {
    batch_tokens_ = model.head_weight().is_cuda() ? kGpuBatchTokens : kCpuBatchTokens;
  }
  const int64_t trained = model.config().max_position_embeddings;
  result_.context =
      options.context > 0 ? options.context : std::min(trained, kLongestDefaultContext);
  result_.stride = options.stride > 0 ? options.stride : result_.context;
  if (result_.stride > result_.context) {
    throw core::ConfigError({.where = "--stride",
                             .expected = fmt::format("1 to the context's {}", result_.context),
                             .got = fmt::format("{}", options.stride),
                             .hint = "A stride beyond the context would leave tokens unscored."});
  }
  if (result_.context > trained) {
    core::log_warn("a context of {} tokens is longer than the {} the model was trained for",
                   result_.context, trained);
  }
}

void PerplexityScorer::add(const ScoredDocument& document) {
  require_vocabulary(document.ids, model_.config().vocab_size);
  const size_t index = result_.documents.size();
  result_.documents.emplace_back();
  const auto num_predictions = static_cast<int64_t>(document.ids.size()) - 1;
  if (num_predictions <= 0) return;
  result_.num_bytes += document.num_bytes;
  const auto ids = document.ids.begin();
  for (const Window& window : sliding_windows(num_predictions, result_.context, result_.stride)) {
    Pending pending{.document = index,
                    .ids = {ids + window.begin, ids + window.end},
                    .targets = {ids + window.begin + 1, ids + window.end + 1}};
    std::fill_n(pending.targets.begin(), window.first_scored - window.begin,
                kernels::kIgnoreTarget);
    if (pending_tokens_ > 0 && pending_tokens_ + window.length() > batch_tokens_) score_pending();
    pending_.push_back(std::move(pending));
    pending_tokens_ += window.length();
  }
}

void PerplexityScorer::score_pending() {
  if (pending_.empty()) return;
  const at::NoGradGuard no_grad;
  std::vector<std::span<const int32_t>> sequences;
  std::vector<int64_t> targets;
  for (const Pending& window : pending_) {
    sequences.emplace_back(window.ids);
    targets.insert(targets.end(), window.targets.begin(), window.targets.end());
  }
  const at::Tensor weight = model_.head_weight();  // [V, D]
  nn::ModelInput input = packed_input(sequences, weight.device());
  const auto report = [&] {
    if (progress_) progress_(result_.num_tokens);
  };
  input.on_layer = report;
  const at::Tensor hidden = model_.forward(input);  // [T, D]
  report();
  const at::Tensor target_ids =
      at::tensor(at::ArrayRef<int64_t>(targets), at::kLong).to(weight.device());  // [T]
  const kernels::LogprobOutput output =
      kernels::linear_logprob(hidden, weight, target_ids, {.with_hits = true});
  const at::Tensor logprob = output.logprob.to(at::kCPU).contiguous();  // [T]
  const at::Tensor hits = output.hits.to(at::kCPU).contiguous();        // [T]
  int64_t row = 0;
  for (const Pending& window : pending_) {
    count(window, logprob.const_data_ptr<float>() + row, hits.const_data_ptr<bool>() + row);
    row += static_cast<int64_t>(window.ids.size());
  }
  pending_.clear();
  pending_tokens_ = 0;
  report();
}

void PerplexityScorer::count(const Pending& window, const float* logprob, const bool* hits) {
  ++result_.num_windows;
  DocumentScore& document = result_.documents[window.document];
  for (size_t i = 0; i < window.targets.size(); ++i) {
    if (window.targets[i] == kernels::kIgnoreTarget) continue;
    const double nll = -static_cast<double>(logprob[i]);
    if (!std::isfinite(nll)) {
      throw core::DataError({.where = "log-probabilities",
                             .expected = "finite numbers",
                             .got = fmt::format("{}", -nll),
                             .hint = "The weights of this model are damaged or its training "
                                     "diverged."});
    }
    document.nll += nll;
    ++document.num_tokens;
    result_.nll += nll;
    result_.sum_of_squares += nll * nll;
    result_.num_hits += hits[i] ? 1 : 0;
    ++result_.num_tokens;
  }
}

PerplexityResult PerplexityScorer::finish() {
  score_pending();
  if (result_.num_tokens == 0) {
    throw core::DataError({.where = "the evaluation text",
                           .expected = "at least one token that follows another",
                           .got = fmt::format("{} documents without one", result_.documents.size()),
                           .hint = "Give a text that is not empty."});
  }
  return std::exchange(result_, {});
}

}  // namespace llm::eval
