// Generates text with one model: prefill of the prompt in chunks, then one token at a time,
// streamed as text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/generate/language_model.h"
#include "llm/generate/sampling_config.h"
#include "llm/generate/stop_rules.h"
#include "llm/text/tokenizer.h"

namespace llm::generate {

// Called after every chunk of the prompt and every token, with the text that became certain: whole
// characters, often none. False stops the generation; text that was held back for a stop string
// still follows in a last call.
using TextCallback = std::function<bool(std::string_view text)>;

// Called before the first pass over the prompt and after each of its chunks but the last. Both
// count tokens that the model has to compute; those it knows from before are not among them.
using PromptCallback = std::function<void(int64_t done, int64_t total)>;

struct GenerationRequest {
  std::vector<int32_t> prompt;  // the whole sequence so far, at least one token
  SamplingConfig sampling;
  StopRules stop;
  int64_t prefill_chunk = 512;  // tokens per forward pass of the prompt
  PromptCallback on_prompt = {};
};

struct GenerationStats {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;     // of the prompt, known to the model from before
  int64_t generated_tokens = 0;  // the stop token included
  double prefill_seconds = 0;    // until the first token's logits
  double decode_seconds = 0;     // after that
  double prefill_tokens_per_second() const;
  // Forward passes per second after the prompt: the first token costs none. 0 when there was none.
  double decode_tokens_per_second() const;
};

struct Generation {
  std::vector<int32_t> ids;  // everything drawn, the stop token included
  std::string text;          // without stop token and stop string, special tokens left out
  StopReason stop_reason = StopReason::kMaxTokens;
  uint64_t seed = 0;  // draws the same text again
  GenerationStats stats;
};

// Not thread-safe.
class Generator {
 public:
  // `model` must outlive the generator.
  Generator(LanguageModel& model, std::shared_ptr<const text::Tokenizer> tokenizer);

  // What the model has seen and the prompt starts with is not computed again. The model is left
  // with the prompt and all drawn tokens but the last, also after an interruption in the reply.
  // Throws: ConfigError for a setting out of its range; DataError when the prompt does not fit the
  // context, and for logits that are not finite.
  Generation generate(const GenerationRequest& request, const TextCallback& on_text = {});

 private:
  LanguageModel& model_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

}  // namespace llm::generate
