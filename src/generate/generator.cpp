#include "llm/generate/generator.h"

#include <algorithm>

#include "llm/core/check.h"
#include "llm/core/clock.h"
#include "llm/core/error.h"
#include "llm/generate/sampler.h"

namespace llm::generate {

namespace {

// One generation: the state that lives from its first token to its last.
class Run {
 public:
  Run(LanguageModel& model, std::shared_ptr<const text::Tokenizer> tokenizer,
      const GenerationRequest& request, const TextCallback& on_text)
      : model_(model),
        request_(request),
        on_text_(on_text),
        seed_(resolve_seed(request.sampling)),
        sampler_(request.sampling, seed_),
        num_pieces_(static_cast<size_t>(tokenizer->vocab_size())),
        decoder_(std::move(tokenizer)),
        matcher_(request.stop.strings),
        sequence_(request.prompt) {}

  Generation finish() {
    result_.seed = seed_;
    result_.stats.prompt_tokens = static_cast<int64_t>(request_.prompt.size());
    if (wants_none()) return std::move(result_);
    core::Stopwatch watch;
    at::Tensor logits = prefill();  // [V]
    result_.stats.prefill_seconds = watch.restart();
    if (logits.defined()) {
      decode(std::move(logits));
    } else {
      result_.stop_reason = StopReason::kInterrupted;
    }
    result_.stats.decode_seconds = watch.seconds();
    result_.stats.generated_tokens = static_cast<int64_t>(result_.ids.size());
    return std::move(result_);
  }

 private:
  bool wants_none() const { return request_.stop.max_tokens && *request_.stop.max_tokens == 0; }

  // Brings the model to the prompt's end. Undefined when interrupted.
  at::Tensor prefill() {
    const auto& prompt = request_.prompt;
    const auto size = static_cast<int64_t>(prompt.size());
    int64_t done = reuse_cache();
    report_prompt(done);
    while (size - done > request_.prefill_chunk) {
      const auto begin = prompt.begin() + done;
      model_.append({begin, begin + request_.prefill_chunk});
      done += request_.prefill_chunk;
      report_prompt(done);
      if (!emit("")) return {};
    }
    return model_.next_logits({prompt.begin() + done, prompt.end()});
  }

  // The last token is computed again in any case: its logits are needed.
  int64_t reuse_cache() {
    const auto& prompt = request_.prompt;
    const auto& known = model_.ids();
    const auto differ = std::mismatch(prompt.begin(), prompt.end() - 1, known.begin(), known.end());
    const int64_t common = differ.first - prompt.begin();
    model_.truncate(common);
    result_.stats.cached_tokens = common;
    return common;
  }

  void report_prompt(int64_t done) const {
    if (!request_.on_prompt) return;
    const int64_t cached = result_.stats.cached_tokens;
    request_.on_prompt(done - cached, std::ssize(request_.prompt) - cached);
  }

  void decode(at::Tensor logits) {
    while (true) {
      const int32_t id = sampler_.sample(choices(logits), sequence_);
      sequence_.push_back(id);
      result_.ids.push_back(id);
      if (const auto reason = stops_at(id)) return end(*reason);
      logits = model_.next_logits({id});
    }
  }

  // Rows that pad the vocabulary to a round size stand for no text and are never drawn.
  std::span<const float> choices(const at::Tensor& logits) const {  // [V]
    const auto count = std::min(static_cast<size_t>(logits.numel()), num_pieces_);
    return {logits.const_data_ptr<float>(), count};
  }

  // Hands out the token's text and tells whether it was the last.
  std::optional<StopReason> stops_at(int32_t id) {
    const StopRules& rules = request_.stop;
    if (std::ranges::find(rules.ids, id) != rules.ids.end()) return StopReason::kStopToken;
    const bool wanted = emit(matcher_.push(decoder_.push(id)));
    if (matcher_.matched()) return StopReason::kStopString;
    if (!wanted) return StopReason::kInterrupted;
    if (rules.max_tokens && std::ssize(result_.ids) >= *rules.max_tokens) {
      return StopReason::kMaxTokens;
    }
    // This token was drawn but not seen by the model; there must be room to show it.
    if (std::ssize(model_.ids()) >= model_.context_length()) return StopReason::kContextFull;
    return std::nullopt;
  }

  void end(StopReason reason) {
    std::string rest = matcher_.push(decoder_.finish());
    rest += matcher_.finish();
    if (!rest.empty()) emit(rest);
    result_.stop_reason = reason;
  }

  bool emit(const std::string& text) {
    result_.text += text;
    return !on_text_ || on_text_(text);
  }

  LanguageModel& model_;
  const GenerationRequest& request_;
  const TextCallback& on_text_;
  uint64_t seed_;
  Sampler sampler_;
  size_t num_pieces_;
  text::StreamingDecoder decoder_;
  StopStringMatcher matcher_;
  std::vector<int32_t> sequence_;
  Generation result_;
};

void check_prompt(const GenerationRequest& request, const LanguageModel& model) {
  LLM_CHECK(!request.prompt.empty() && request.prefill_chunk > 0);
  if (std::ssize(request.prompt) <= model.context_length()) return;
  throw core::DataError({"prompt", fmt::format("at most {} tokens", model.context_length()),
                         fmt::format("{} tokens", request.prompt.size()),
                         "Shorten the text or choose a model with a longer context"});
}

void check_stop_rules(const StopRules& stop) {
  if (!stop.max_tokens || *stop.max_tokens >= 0) return;
  throw core::ConfigError({"max_tokens", ">= 0", fmt::format("{}", *stop.max_tokens), ""});
}

double rate(int64_t count, double seconds) {
  return count > 0 && seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

double GenerationStats::prefill_tokens_per_second() const {
  return rate(prompt_tokens - cached_tokens, prefill_seconds);
}

double GenerationStats::decode_tokens_per_second() const {
  return rate(generated_tokens - 1, decode_seconds);
}

Generator::Generator(LanguageModel& model, std::shared_ptr<const text::Tokenizer> tokenizer)
    : model_(model), tokenizer_(std::move(tokenizer)) {
  LLM_CHECK(tokenizer_ != nullptr);
}

Generation Generator::generate(const GenerationRequest& request, const TextCallback& on_text) {
  check_prompt(request, model_);
  check_stop_rules(request.stop);
  return Run(model_, tokenizer_, request, on_text).finish();
}

}  // namespace llm::generate
