#include <array>
#include <utility>

#include "text/pipeline_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;
using PreTokenizerKind = PreTokenizerStep::Kind;

constexpr std::array<std::pair<const char*, SplitBehavior>, 5> kBehaviors = {
    {{"Isolated", SplitBehavior::kIsolated},
     {"Removed", SplitBehavior::kRemoved},
     {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
     {"MergedWithNext", SplitBehavior::kMergedWithNext},
     {"Contiguous", SplitBehavior::kContiguous}}};

PreTokenizerStep read_split(const JsonField& json) {
  PreTokenizerStep step;
  const JsonPattern pattern = read_pattern(json.at("pattern"));
  step.pattern = pattern.pattern;
  step.is_regex = pattern.is_regex;
  step.invert = json.at("invert").boolean_or(false);
  const std::string& behavior = json.at("behavior").string();
  for (const auto& [name, value] : kBehaviors) {
    if (name != behavior) continue;
    step.behavior = value;
    return step;
  }
  json.at("behavior").refuse("Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
}

PreTokenizerStep read_pre_tokenizer_step(const JsonField& json) {
  const std::string& type = json.at("type").string();
  if (type == "Split") return read_split(json);
  PreTokenizerStep step;
  if (type == "Digits") {
    step.kind = PreTokenizerKind::kDigits;
    step.individual_digits = json.at("individual_digits").boolean_or(false);
  } else if (type == "ByteLevel") {
    step.kind = PreTokenizerKind::kByteLevel;
    step.add_prefix_space = json.at("add_prefix_space").boolean_or(true);
    step.use_regex = json.at("use_regex").boolean_or(true);
  } else if (type == "Metaspace") {
    step.kind = PreTokenizerKind::kMetaspace;
    step.replacement = read_replacement(json);
    step.prepend_scheme = read_prepend_scheme(json);
    step.split = json.at("split").boolean_or(true);
  } else if (type == "WhitespaceSplit") {
    step.kind = PreTokenizerKind::kWhitespaceSplit;
  } else {
    json.at("type").refuse(
        "a supported pre-tokenizer (Split, Digits, ByteLevel, Metaspace, WhitespaceSplit, "
        "Sequence)");
  }
  return step;
}

const char* behavior_name(SplitBehavior behavior) {
  for (const auto& [name, value] : kBehaviors)
    if (value == behavior) return name;
  return "?";
}

Json pre_tokenizer_step_json(const PreTokenizerStep& step) {
  switch (step.kind) {
    case PreTokenizerKind::kSplit:
      return {{"type", "Split"},
              {"pattern", write_pattern(step.pattern, step.is_regex)},
              {"behavior", behavior_name(step.behavior)},
              {"invert", step.invert}};
    case PreTokenizerKind::kDigits:
      return {{"type", "Digits"}, {"individual_digits", step.individual_digits}};
    case PreTokenizerKind::kByteLevel:
      return byte_level_json(step.add_prefix_space, step.use_regex);
    case PreTokenizerKind::kMetaspace:
      return {{"type", "Metaspace"},
              {"replacement", step.replacement},
              {"prepend_scheme", prepend_scheme_name(step.prepend_scheme)},
              {"split", step.split}};
    case PreTokenizerKind::kWhitespaceSplit:
      return {{"type", "WhitespaceSplit"}};
  }
  return nullptr;
}

}  // namespace

std::vector<PreTokenizerStep> read_pre_tokenizer(const JsonField& json) {
  std::vector<PreTokenizerStep> steps;
  for_each_part(json, "pretokenizers", [&](const JsonField& part) {
    if (!steps.empty() && steps.back().kind == PreTokenizerKind::kByteLevel)
      part.refuse("ByteLevel as the last pre-tokenizer");
    steps.push_back(read_pre_tokenizer_step(part));
  });
  return steps;
}

Json write_pre_tokenizer(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const PreTokenizerStep& step : spec.pre_tokenizer)
    parts.push_back(pre_tokenizer_step_json(step));
  return sequence_json("pretokenizers", std::move(parts));
}

}  // namespace llm::text
