// The parts of `tokenizer.json` around the model: normalizer, pre_tokenizer, post_processor,
// decoder.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/json_fields.h"
#include "text/tokenizer_spec.h"

namespace llm::text {

// Throws: FormatError naming an unsupported part.
std::vector<NormalizerStep> read_normalizer(const JsonField& json);
std::vector<PreTokenizerStep> read_pre_tokenizer(const JsonField& json);
std::vector<DecoderStep> read_decoder(const JsonField& json);
// Fills prefix_ids and suffix_ids.
void read_post_processor(const JsonField& json, TokenizerSpec& spec);

nlohmann::ordered_json write_normalizer(const TokenizerSpec& spec);
nlohmann::ordered_json write_pre_tokenizer(const TokenizerSpec& spec);
nlohmann::ordered_json write_decoder(const TokenizerSpec& spec);
nlohmann::ordered_json write_post_processor(const TokenizerSpec& spec);

// What several of them share.

// Calls visit(part) for `json` itself or, when it is a Sequence, for its parts in order.
template <class Visit>
void for_each_part(const JsonField& json, const std::string& list, Visit&& visit, int depth = 0) {
  constexpr int kMaxNesting = 16;
  if (json.is_null()) return;
  if (depth > kMaxNesting) json.refuse("fewer Sequences inside each other");
  if (json.at("type").string() != "Sequence") return visit(json);
  const JsonField parts = json.at(list).array();
  for (size_t i = 0; i < parts.size(); ++i) for_each_part(parts.item(i), list, visit, depth + 1);
}
// `parts` as one value: null, the part, or a Sequence.
nlohmann::ordered_json sequence_json(const char* list, std::vector<nlohmann::ordered_json> parts);

struct JsonPattern {
  std::string pattern;
  bool is_regex = false;
};
// {"String": ...} or {"Regex": ...}, not empty.
JsonPattern read_pattern(const JsonField& json);
nlohmann::ordered_json write_pattern(const std::string& pattern, bool is_regex);

// The replacement and prepend scheme of Metaspace, or of older files that have add_prefix_space.
std::string read_replacement(const JsonField& metaspace);
PrependScheme read_prepend_scheme(const JsonField& metaspace);
const char* prepend_scheme_name(PrependScheme scheme);

nlohmann::ordered_json byte_level_json(bool add_prefix_space, bool use_regex);

}  // namespace llm::text
