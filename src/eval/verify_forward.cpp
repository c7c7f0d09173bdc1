// Logits on fixed prompts and greedy continuations, one layer of one model in memory at a time.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "eval/verify_parts.h"
#include "llm/core/error.h"
#include "llm/nn/layerwise_lm.h"
#include "llm/tensor/memory_stats.h"

namespace llm::eval {
namespace {

using Ids = std::vector<int32_t>;

// Letters: T tokens of all prompts, V vocabulary.
struct Outputs {
  at::Tensor logits;        // [T, V]
  std::vector<Ids> greedy;  // after each prompt; empty where it was not run
};

// The fixed texts through the source's tokenizer, or ids spread over the vocabulary without one.
std::vector<Ids> make_prompts(const VerifySide& source, int64_t length) {
  std::vector<Ids> prompts;
  for (const std::string& text : fixed_texts()) {
    Ids ids;
    if (source.tokenizer) {
      ids = source.tokenizer->encode(text);
    } else {
      for (int64_t i = 0; i < length; ++i) {
        const int64_t spread = 7919 * i + static_cast<int64_t>(101 * text.size());
        ids.push_back(static_cast<int32_t>(spread % source.config.vocab_size));
      }
    }
    ids.resize(std::min(ids.size(), static_cast<size_t>(length)));
    prompts.push_back(std::move(ids));
  }
  return prompts;
}

// The tensors of `source` as fp32, rounded to the dtypes in which `rounded` stores them.
nn::WeightReader reader(const VerifySide& source, const VerifySide* rounded = nullptr) {
  return [&source, rounded](const std::string& name) {
    const at::Tensor values = source.weights->read(name);
    return rounded ? values.to(rounded->weights->entry(name).dtype) : values;
  };
}

// The likeliest id after each document.
std::vector<Ids> likeliest(const nn::LayerwiseLM& model, const at::Tensor& last) {  // [N, D]
  const at::Tensor best = model.logits(last).argmax(-1).cpu();                      // [N]
  std::vector<Ids> ids;
  for (int64_t i = 0; i < best.size(0); ++i)
    ids.push_back({static_cast<int32_t>(best[i].item<int64_t>())});
  return ids;
}

at::Tensor last_rows(const at::Tensor& hidden, const std::vector<Ids>& documents) {  // [T, D]
  std::vector<int64_t> rows;
  int64_t end = 0;
  for (const Ids& ids : documents) rows.push_back((end += static_cast<int64_t>(ids.size())) - 1);
  return hidden.index_select(0, at::tensor(rows, at::kLong).to(hidden.device()));  // [N, D]
}

Outputs run(const arch::ModelConfig& config, const nn::WeightReader& read,
            const std::vector<Ids>& prompts, const VerifyOptions& options) {
  const int64_t capacity = options.prompt_tokens + options.greedy_tokens;
  nn::LayerwiseLM model(config, read, static_cast<int64_t>(prompts.size()), capacity,
                        options.device);
  at::Tensor hidden = model.forward(prompts);  // [T, D]
  Outputs outputs{.logits = model.logits(hidden), .greedy = {}};
  if (options.greedy_tokens == 0) return outputs;
  outputs.greedy.resize(prompts.size());
  std::vector<Ids> next = likeliest(model, last_rows(hidden, prompts));
  for (int64_t i = 0;; ++i) {
    for (size_t k = 0; k < next.size(); ++k)
      outputs.greedy[k].insert(outputs.greedy[k].end(), next[k].begin(), next[k].end());
    if (i + 1 >= options.greedy_tokens) return outputs;
    next = likeliest(model, model.forward(next));
  }
}

bool is_rounded(const VerifySide& source, const VerifySide& result) {
  for (const auto& [name, tensor] : source.weights->tensors()) {
    if (result.weights->contains(name) && result.weights->entry(name).dtype != tensor.dtype)
      return true;
  }
  return false;
}

// Each greedy token reads the whole model again, which only a model that stays in memory allows.
VerifyOptions within_memory(const arch::ModelConfig& config, VerifyOptions options) {
  const int64_t bytes = arch::num_parameters(config) * int64_t{sizeof(float)};
  if (bytes > tensor::machine_memory_bytes()) options.greedy_tokens = 0;
  return options;
}

// The coarsest quantised tensor decides what the whole may cost.
std::optional<QuantizationBound> bound_of(const VerifySide& result) {
  std::optional<QuantizationBound> bound;
  for (const auto& [unused, tensor] : result.weights->tensors()) {
    if (!tensor.quantized) continue;
    const QuantizationBound of_tensor = quantization_bound(tensor);
    if (!bound || of_tensor.perplexity_drift > bound->perplexity_drift) bound = of_tensor;
  }
  return bound;
}

double largest_difference(const Outputs& a, const Outputs& b) {
  return at::max(at::abs(a.logits - b.logits)).item<double>();
}

std::string greedy_text(const Outputs& outputs) {
  return fmt::format("{}", fmt::join(outputs.greedy.front(), " "));
}

VerifyRow logits_row(const Outputs& source, const Outputs& result, const VerifyOptions& options) {
  const double difference = largest_difference(source, result);
  return {.check = "logits on fixed prompts",
          .verdict = difference <= options.logit_tolerance ? Verdict::kPass : Verdict::kFail,
          .source = fmt::format("{} tokens", source.logits.size(0)),
          .result = fmt::format("max difference {:.3g}", difference),
          .note = fmt::format("allowed {:.3g}", options.logit_tolerance)};
}

VerifyRow greedy_row(const Outputs& source, const Outputs& result) {
  if (source.greedy.empty()) {
    return {.check = "greedy continuations",
            .verdict = Verdict::kNote,
            .source = "not run",
            .result = "not run",
            .note = "the model does not fit in memory: every token would read all of it"};
  }
  VerifyRow row = compare_text("greedy continuations", greedy_text(source), greedy_text(result));
  if (source.greedy != result.greedy) row.verdict = Verdict::kFail;
  row.note = fmt::format("{} tokens after each of {} prompts", source.greedy.front().size(),
                         source.greedy.size());
  return row;
}

VerifyRow rounding_row(const Outputs& exact, const Outputs& rounded) {
  return {.check = "effect of the dtype on logits",
          .verdict = Verdict::kNote,
          .source = "as stored",
          .result = fmt::format("max difference {:.3g}", largest_difference(exact, rounded)),
          .note = exact.greedy == rounded.greedy ? "same greedy tokens" : "other greedy tokens"};
}

// Mean negative log-likelihood of the prompts' own tokens.
double mean_nll(const Outputs& outputs, const std::vector<Ids>& prompts) {
  const at::Tensor logprobs = at::log_softmax(outputs.logits, -1);  // [T, V]
  double sum = 0;
  int64_t count = 0;
  int64_t row = 0;
  for (const Ids& ids : prompts) {
    for (size_t i = 1; i < ids.size(); ++i, ++count)
      sum -= logprobs[row + static_cast<int64_t>(i) - 1][ids[i]].item<double>();
    row += static_cast<int64_t>(ids.size());
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

VerifyRow perplexity_row(const Outputs& source, const Outputs& result,
                         const std::vector<Ids>& prompts, const QuantizationBound& bound) {
  const double a = std::exp(mean_nll(source, prompts));
  const double b = std::exp(mean_nll(result, prompts));
  const double drift = b / a - 1;
  return {.check = "perplexity of fixed texts",
          .verdict = drift <= bound.perplexity_drift ? Verdict::kPass : Verdict::kFail,
          .source = fmt::format("{:.4f}", a),
          .result = fmt::format("{:.4f} ({:+.2f} %)", b, 100 * drift),
          .note = fmt::format("allowed {:+.0f} %", 100 * bound.perplexity_drift)};
}

VerifyRow quantized_greedy_row(const Outputs& source, const Outputs& result) {
  VerifyRow row = greedy_row(source, result);
  if (row.verdict == Verdict::kFail) {
    row.verdict = Verdict::kNote;
    row.note += "; quantised weights may choose otherwise";
  }
  return row;
}

VerifyRow not_run(const std::string& reason) {
  return {.check = "logits on fixed prompts",
          .verdict = Verdict::kFail,
          .source = "not run",
          .result = "not run",
          .note = reason};
}

}  // namespace

std::vector<VerifyRow> verify_forward(const VerifySide& source, const VerifySide& result,
                                      const VerifyOptions& wanted) {
  const VerifyOptions options = within_memory(source.config, wanted);
  if (source.config.vocab_size != result.config.vocab_size) {
    return {not_run("the vocabularies differ")};
  }
  const std::vector<Ids> prompts = make_prompts(source, options.prompt_tokens);
  std::vector<VerifyRow> rows;
  try {
    convert::require_exact_weights(*source.weights, source.config);
    convert::require_exact_weights(*result.weights, result.config);
    const Outputs exact = run(source.config, reader(source), prompts, options);
    const Outputs found = run(result.config, reader(result), prompts, options);
    if (const auto bound = bound_of(result)) {
      return {perplexity_row(exact, found, prompts, *bound), quantized_greedy_row(exact, found)};
    }
    if (!is_rounded(source, result))
      return {logits_row(exact, found, options), greedy_row(exact, found)};
    const Outputs rounded = run(source.config, reader(source, &result), prompts, options);
    rows = {rounding_row(exact, rounded), logits_row(rounded, found, options),
            greedy_row(rounded, found)};
  } catch (const core::Error& error) {
    rows.push_back(not_run(error.what()));
  }
  return rows;
}

}  // namespace llm::eval
