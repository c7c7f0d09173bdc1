#include "text/byte_level.h"
#include "text/pipeline_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;

const char* behavior_name(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kIsolated:
      return "Isolated";
    case SplitBehavior::kRemoved:
      return "Removed";
    case SplitBehavior::kMergedWithPrevious:
      return "MergedWithPrevious";
    case SplitBehavior::kMergedWithNext:
      return "MergedWithNext";
    case SplitBehavior::kContiguous:
      return "Contiguous";
  }
  return "?";
}

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", false},
          {"use_regex", use_regex}};
}

Json step_json(const PreTokenizerStep& step) {
  switch (step.kind) {
    case PreTokenizerStep::Kind::kSplit:
      return {{"type", "Split"},
              {"pattern", {{step.is_regex ? "Regex" : "String", step.pattern}}},
              {"behavior", behavior_name(step.behavior)},
              {"invert", step.invert}};
    case PreTokenizerStep::Kind::kDigits:
      return {{"type", "Digits"}, {"individual_digits", step.individual_digits}};
    case PreTokenizerStep::Kind::kByteLevel:
      return byte_level(step.add_prefix_space, step.use_regex);
  }
  return nullptr;
}

// `parts` as one value: null, the part, or a Sequence.
Json sequence_json(const char* list, std::vector<Json> parts) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {list, std::move(parts)}};
}

std::string content_of(const TokenizerSpec& spec, int32_t id) {
  for (const AddedToken& token : spec.added_tokens)
    if (token.id == id) return token.content;
  return spec.model.pieces.at(id);
}

}  // namespace

Json write_normalizer(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const NormalForm form : spec.normalizer) parts.push_back({{"type", normal_form_name(form)}});
  return sequence_json("normalizers", std::move(parts));
}

Json write_pre_tokenizer(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const PreTokenizerStep& step : spec.pre_tokenizer) parts.push_back(step_json(step));
  return sequence_json("pretokenizers", std::move(parts));
}

Json write_post_processor(const TokenizerSpec& spec) {
  if (spec.prefix_ids.empty() && spec.suffix_ids.empty()) return byte_level(false, false);
  Json specials = Json::object();
  const auto entries = [&](const std::vector<int32_t>& ids, int type_id) {
    Json list = Json::array();
    for (const int32_t id : ids) {
      const std::string content = content_of(spec, id);
      list.push_back({{"SpecialToken", {{"id", content}, {"type_id", type_id}}}});
      specials[content] = {{"id", content}, {"ids", {id}}, {"tokens", {content}}};
    }
    return list;
  };
  const auto around = [&](const char* name, int type_id) {
    Json list = entries(spec.prefix_ids, type_id);
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type_id}}}});
    for (Json& entry : entries(spec.suffix_ids, type_id)) list.push_back(entry);
    return list;
  };
  const Json single = around("A", 0);
  Json pair = single;
  for (const Json& entry : around("B", 1)) pair.push_back(entry);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", specials}};
}

Json write_decoder() { return byte_level(false, false); }

}  // namespace llm::text
