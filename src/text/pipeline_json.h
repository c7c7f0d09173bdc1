// The parts of `tokenizer.json` around the model: normalizer, pre_tokenizer, post_processor,
// decoder.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "text/json_fields.h"
#include "text/tokenizer_spec.h"

namespace llm::text {

// Throws: FormatError naming an unsupported part.
std::vector<NormalForm> read_normalizer(const JsonField& json);
std::vector<PreTokenizerStep> read_pre_tokenizer(const JsonField& json);
// Fills prefix_ids and suffix_ids.
void read_post_processor(const JsonField& json, TokenizerSpec& spec);
void check_decoder(const JsonField& json);

nlohmann::ordered_json write_normalizer(const TokenizerSpec& spec);
nlohmann::ordered_json write_pre_tokenizer(const TokenizerSpec& spec);
nlohmann::ordered_json write_post_processor(const TokenizerSpec& spec);
nlohmann::ordered_json write_decoder();

}  // namespace llm::text
