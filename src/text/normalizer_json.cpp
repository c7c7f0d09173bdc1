#include "text/base64.h"
#include "text/pipeline_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;
using NormalizerKind = NormalizerStep::Kind;

NormalizerStep read_precompiled(const JsonField& json) {
  NormalizerStep step;
  step.kind = NormalizerKind::kPrecompiled;
  const JsonField map = json.at("precompiled_charsmap");
  if (map.is_null()) return step;
  std::optional<std::string> bytes = decode_base64(map.string());
  if (!bytes) map.refuse("base64");
  step.charsmap = std::move(*bytes);
  return step;
}

NormalizerStep read_replace(const JsonField& json) {
  const JsonPattern pattern = read_pattern(json.at("pattern"));
  return replace_step(pattern.pattern, json.at("content").string(), pattern.is_regex);
}

NormalizerStep read_strip(const JsonField& json) {
  NormalizerStep step;
  step.kind = NormalizerKind::kStrip;
  step.strip_left = json.at("strip_left").boolean_or(true);
  step.strip_right = json.at("strip_right").boolean_or(true);
  return step;
}

NormalizerStep plain_step(NormalizerKind kind) {
  NormalizerStep step;
  step.kind = kind;
  return step;
}

NormalizerStep read_normalizer_step(const JsonField& json) {
  const std::string& type = json.at("type").string();
  for (const NormalForm form :
       {NormalForm::kNfc, NormalForm::kNfd, NormalForm::kNfkc, NormalForm::kNfkd})
    if (type == normal_form_name(form)) return unicode_form_step(form);
  if (type == "Lowercase") return plain_step(NormalizerKind::kLowercase);
  if (type == "StripAccents") return plain_step(NormalizerKind::kStripAccents);
  if (type == "Strip") return read_strip(json);
  if (type == "Prepend") return prepend_step(json.at("prepend").string());
  if (type == "Replace") return read_replace(json);
  if (type == "Precompiled") return read_precompiled(json);
  json.at("type").refuse(
      "a supported normalizer (NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, "
      "Replace, Precompiled, Sequence)");
}

Json normalizer_step_json(const NormalizerStep& step) {
  switch (step.kind) {
    case NormalizerKind::kUnicodeForm:
      return {{"type", normal_form_name(step.form)}};
    case NormalizerKind::kLowercase:
      return {{"type", "Lowercase"}};
    case NormalizerKind::kStripAccents:
      return {{"type", "StripAccents"}};
    case NormalizerKind::kStrip:
      return {
          {"type", "Strip"}, {"strip_left", step.strip_left}, {"strip_right", step.strip_right}};
    case NormalizerKind::kPrepend:
      return {{"type", "Prepend"}, {"prepend", step.content}};
    case NormalizerKind::kReplace:
      return {{"type", "Replace"},
              {"pattern", write_pattern(step.pattern, step.is_regex)},
              {"content", step.content}};
    case NormalizerKind::kPrecompiled:
      return {{"type", "Precompiled"}, {"precompiled_charsmap", encode_base64(step.charsmap)}};
    case NormalizerKind::kSentencePiece:
      break;  // as_hugging_face() has taken it apart
  }
  return nullptr;
}

}  // namespace

std::vector<NormalizerStep> read_normalizer(const JsonField& json) {
  std::vector<NormalizerStep> steps;
  for_each_part(json, "normalizers",
                [&](const JsonField& part) { steps.push_back(read_normalizer_step(part)); });
  return steps;
}

Json write_normalizer(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const NormalizerStep& step : spec.normalizer) parts.push_back(normalizer_step_json(step));
  return sequence_json("normalizers", std::move(parts));
}

}  // namespace llm::text
