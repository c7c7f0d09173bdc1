// Logits on fixed prompts and greedy continuations, one model in memory at a time.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "eval/verify_parts.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/eval/logits.h"
#include "llm/nn/kv_cache.h"
#include "llm/tensor/device.h"

namespace llm::eval {
namespace {

using Ids = std::vector<int32_t>;

struct Outputs {
  std::vector<at::Tensor> logits;  // of each prompt [T, V]
  std::vector<Ids> greedy;         // after each prompt
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

Ids continue_greedily(nn::CausalLM& model, const Ids& prompt, int64_t num_tokens) {
  const at::NoGradGuard no_grad;
  const auto capacity = static_cast<int64_t>(prompt.size()) + num_tokens;
  nn::KvCache cache(model.config(), capacity, model.head_weight().options());
  Ids generated;
  Ids next = prompt;
  for (int64_t i = 0; i < num_tokens; ++i) {
    const at::Tensor hidden = model.forward_cached(next, cache);                      // [T, D]
    const at::Tensor logits = model.logits(hidden.narrow(0, hidden.size(0) - 1, 1));  // [1, V]
    next = {static_cast<int32_t>(logits.argmax(-1).item<int64_t>())};
    generated.push_back(next.front());
  }
  return generated;
}

Outputs run(nn::CausalLM& model, const std::vector<Ids>& prompts, const VerifyOptions& options) {
  Outputs outputs;
  for (const Ids& prompt : prompts) {
    outputs.logits.push_back(sequence_logits(model, prompt));
    outputs.greedy.push_back(continue_greedily(model, prompt, options.greedy_tokens));
  }
  return outputs;
}

convert::LoadedModel load(const VerifySide& side, const VerifyOptions& options) {
  return convert::load_model(side.directory, {.device = options.device, .need_tokenizer = false});
}

bool same_dtypes(const VerifySide& source, const VerifySide& result) {
  const std::vector<std::string> names = source.weights->names();
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return !result.weights->contains(name) ||
           source.weights->entry(name).dtype == result.weights->entry(name).dtype;
  });
}

void round_like(tensor::ParameterStore& store, const convert::WeightFiles& stored) {
  const at::NoGradGuard no_grad;
  for (const tensor::ParameterRange& parameter : store.parameters()) {
    at::Tensor weight = store.weight(parameter.spec.name);
    const auto dtype = tensor::to_scalar_type(stored.entry(parameter.spec.name).dtype);
    weight.copy_(weight.to(dtype));
  }
}

double largest_difference(const Outputs& a, const Outputs& b) {
  double largest = 0;
  for (size_t i = 0; i < a.logits.size(); ++i) {
    const double difference = at::max(at::abs(a.logits[i] - b.logits[i])).item<double>();
    if (!(difference <= largest)) largest = difference;  // a NaN stays
  }
  return largest;
}

std::string greedy_text(const Outputs& outputs) {
  return fmt::format("{}", fmt::join(outputs.greedy.front(), " "));
}

VerifyRow logits_row(const Outputs& source, const Outputs& result, const VerifyOptions& options) {
  const double difference = largest_difference(source, result);
  return {.check = "logits on fixed prompts",
          .verdict = difference <= options.logit_tolerance ? Verdict::kPass : Verdict::kFail,
          .source = fmt::format("{} prompts", source.logits.size()),
          .result = fmt::format("max difference {:.3g}", difference),
          .note = fmt::format("allowed {:.3g}", options.logit_tolerance)};
}

VerifyRow greedy_row(const Outputs& source, const Outputs& result) {
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

// What the source computes with its weights rounded to the result's dtypes. The model is gone when
// this returns.
Outputs run_source(const VerifySide& source, const VerifySide& result,
                   const std::vector<Ids>& prompts, const VerifyOptions& options,
                   std::vector<VerifyRow>& rows) {
  const convert::LoadedModel model = load(source, options);
  Outputs exact = run(*model.model, prompts, options);
  if (same_dtypes(source, result)) return exact;
  convert::require_exact_weights(*result.weights, source.config);
  round_like(*model.store, *result.weights);
  Outputs rounded = run(*model.model, prompts, options);
  rows.push_back(rounding_row(exact, rounded));
  return rounded;
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
                                      const VerifyOptions& options) {
  if (source.config.vocab_size != result.config.vocab_size) {
    return {not_run("the vocabularies differ")};
  }
  const std::vector<Ids> prompts = make_prompts(source, options.prompt_tokens);
  std::vector<VerifyRow> rows;
  try {
    const Outputs expected = run_source(source, result, prompts, options, rows);
    const convert::LoadedModel model = load(result, options);
    const Outputs found = run(*model.model, prompts, options);
    rows.push_back(logits_row(expected, found, options));
    rows.push_back(greedy_row(expected, found));
  } catch (const core::Error& error) {
    rows.push_back(not_run(error.what()));
  }
  return rows;
}

}  // namespace llm::eval
