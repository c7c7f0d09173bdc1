// What a loaded model says about how it wants to be sampled and stopped.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/convert/model_directory.h"
#include "llm/generate/sampling_config.h"

namespace llm::chat {

// The built-in defaults with the hints of generation_config.json laid over them. do_sample = false
// is temperature 0; repetition_penalty counts the whole text, as in transformers.
generate::SamplingConfig sampling_defaults(const convert::GenerationConfig& hints);

// Ids that end a reply: those of the tokenizer, of config.json and of generation_config.json.
// Ascending. Requires: a tokenizer.
std::vector<int32_t> stop_ids(const convert::LoadedModel& model);

}  // namespace llm::chat
