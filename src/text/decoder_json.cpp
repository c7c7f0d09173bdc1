#include "text/pipeline_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;
using DecoderKind = DecoderStep::Kind;

constexpr int64_t kMaxStrip = 1 << 20;

int64_t read_count(const JsonField& json) {
  const int64_t count = json.integer();
  if (count < 0 || count > kMaxStrip) json.refuse("a small count");
  return count;
}

DecoderStep read_strip_step(const JsonField& json) {
  DecoderStep step = decoder_step(DecoderKind::kStrip);
  step.content = json.at("content").string();
  if (step.content.size() != 1) json.at("content").refuse("one ASCII character");
  step.start = read_count(json.at("start"));
  step.stop = read_count(json.at("stop"));
  return step;
}

DecoderStep read_decoder_step(const JsonField& json) {
  const std::string& type = json.at("type").string();
  if (type == "ByteLevel") return decoder_step(DecoderKind::kByteLevel);
  if (type == "ByteFallback") return decoder_step(DecoderKind::kByteFallback);
  if (type == "Fuse") return decoder_step(DecoderKind::kFuse);
  if (type == "Strip") return read_strip_step(json);
  if (type == "Replace") {
    DecoderStep step = decoder_step(DecoderKind::kReplace);
    const JsonPattern pattern = read_pattern(json.at("pattern"));
    step.pattern = pattern.pattern;
    step.is_regex = pattern.is_regex;
    step.content = json.at("content").string();
    return step;
  }
  if (type == "Metaspace") {
    DecoderStep step = decoder_step(DecoderKind::kMetaspace);
    step.replacement = read_replacement(json);
    step.prepend_scheme = read_prepend_scheme(json);
    return step;
  }
  json.at("type").refuse(
      "a supported decoder (ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, Sequence)");
}

Json decoder_step_json(const DecoderStep& step) {
  switch (step.kind) {
    case DecoderKind::kByteLevel:
      return byte_level_json(false, false);
    case DecoderKind::kReplace:
      return {{"type", "Replace"},
              {"pattern", write_pattern(step.pattern, step.is_regex)},
              {"content", step.content}};
    case DecoderKind::kByteFallback:
      return {{"type", "ByteFallback"}};
    case DecoderKind::kFuse:
      return {{"type", "Fuse"}};
    case DecoderKind::kStrip:
      return {
          {"type", "Strip"}, {"content", step.content}, {"start", step.start}, {"stop", step.stop}};
    case DecoderKind::kMetaspace:
      return {{"type", "Metaspace"},
              {"replacement", step.replacement},
              {"prepend_scheme", prepend_scheme_name(step.prepend_scheme)},
              {"split", true}};
  }
  return nullptr;
}

}  // namespace

std::vector<DecoderStep> read_decoder(const JsonField& json) {
  std::vector<DecoderStep> steps;
  for_each_part(json, "decoders",
                [&](const JsonField& part) { steps.push_back(read_decoder_step(part)); });
  if (steps.empty()) json.refuse("a decoder", "Without one, pieces would be joined by spaces");
  return steps;
}

Json write_decoder(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const DecoderStep& step : spec.decoder) parts.push_back(decoder_step_json(step));
  return sequence_json("decoders", std::move(parts));
}

}  // namespace llm::text
