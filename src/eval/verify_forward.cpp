// Rows about logits on fixed prompts, greedy continuations and perplexity.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "eval/verify_outputs.h"
#include "eval/verify_parts.h"
#include "llm/core/error.h"
#include "llm/tensor/memory_stats.h"

namespace llm::eval {
namespace {

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
  return [&source, rounded](const std::string& name, int64_t first, int64_t count) {
    const at::Tensor values = source.weights->read_rows(name, first, count);
    return rounded ? values.to(rounded->weights->entry(name).dtype) : values;
  };
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

std::string greedy_text(const Outputs& outputs) {
  return fmt::format("{}", fmt::join(outputs.greedy.front(), " "));
}

VerifyRow logits_row(const arch::ModelConfig& config, const Outputs& source, const Outputs& result,
                     const VerifyOptions& options) {
  const double difference = largest_difference(config, source, result);
  return {.check = "logits on fixed prompts",
          .verdict = difference <= options.logit_tolerance ? Verdict::kPass : Verdict::kFail,
          .source = fmt::format("{} tokens", source.hidden.size(0)),
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

VerifyRow rounding_row(const arch::ModelConfig& config, const Outputs& exact,
                       const Outputs& rounded) {
  return {
      .check = "effect of the dtype on logits",
      .verdict = Verdict::kNote,
      .source = "as stored",
      .result = fmt::format("max difference {:.3g}", largest_difference(config, exact, rounded)),
      .note = exact.greedy == rounded.greedy ? "same greedy tokens" : "other greedy tokens"};
}

VerifyRow perplexity_row(const arch::ModelConfig& config, const Outputs& source,
                         const Outputs& result, const std::vector<Ids>& prompts,
                         const QuantizationBound& bound) {
  const double a = std::exp(mean_nll(config, source, prompts));
  const double b = std::exp(mean_nll(config, result, prompts));
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

}  // namespace

VerifyRow forward_not_run(const std::string& reason) {
  return {.check = "logits on fixed prompts",
          .verdict = Verdict::kFail,
          .source = "not run",
          .result = "not run",
          .note = reason};
}

std::vector<VerifyRow> verify_forward(const VerifySide& source, const VerifySide& result,
                                      const VerifyOptions& wanted) {
  const arch::ModelConfig& config = source.config;
  const VerifyOptions options = within_memory(config, wanted);
  if (config.vocab_size != result.config.vocab_size) {
    return {forward_not_run("the vocabularies differ")};
  }
  const std::vector<Ids> prompts = make_prompts(source, options.prompt_tokens);
  std::vector<VerifyRow> rows;
  try {
    convert::require_exact_weights(*source.weights, source.config);
    convert::require_exact_weights(*result.weights, result.config);
    const Outputs exact = run_prompts(config, reader(source), prompts, options);
    const Outputs found = run_prompts(result.config, reader(result), prompts, options);
    if (const auto bound = bound_of(result)) {
      return {perplexity_row(config, exact, found, prompts, *bound),
              quantized_greedy_row(exact, found)};
    }
    if (!is_rounded(source, result))
      return {logits_row(config, exact, found, options), greedy_row(exact, found)};
    const Outputs rounded = run_prompts(config, reader(source, &result), prompts, options);
    rows = {rounding_row(config, exact, rounded), logits_row(config, rounded, found, options),
            greedy_row(rounded, found)};
  } catch (const core::Error& error) {
    rows.push_back(forward_not_run(error.what()));
  }
  return rows;
}

}  // namespace llm::eval
