#include "llm/chat/model_settings.h"

#include <algorithm>
#include <set>

#include "llm/core/check.h"

namespace llm::chat {

generate::SamplingConfig sampling_defaults(const convert::GenerationConfig& hints) {
  generate::SamplingConfig config;
  config.temperature = hints.temperature.value_or(config.temperature);
  config.top_k = std::max<int64_t>(hints.top_k.value_or(config.top_k), 0);
  config.top_p = hints.top_p.value_or(config.top_p);
  config.min_p = hints.min_p.value_or(config.min_p);
  if (hints.repetition_penalty) {
    config.repeat_penalty = *hints.repetition_penalty;
    config.repeat_last_n = -1;
  }
  if (hints.do_sample == false) config.temperature = 0;
  return config;
}

std::vector<int32_t> stop_ids(const convert::LoadedModel& model) {
  LLM_CHECK(model.tokenizer != nullptr);
  const auto from_tokenizer = model.tokenizer->stop_ids();
  std::set<int32_t> ids(from_tokenizer.begin(), from_tokenizer.end());
  for (int64_t id : model.config.eos_token_ids) ids.insert(static_cast<int32_t>(id));
  for (int64_t id : model.generation.eos_token_ids) ids.insert(static_cast<int32_t>(id));
  return {ids.begin(), ids.end()};
}

}  // namespace llm::chat
