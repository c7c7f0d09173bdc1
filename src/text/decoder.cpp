#include "text/decoder.h"

#include "llm/core/error.h"
#include "text/byte_level.h"
#include "text/byte_pieces.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

using StepKind = DecoderStep::Kind;

std::string strip_ends(std::string text, const DecoderStep& step) {
  size_t begin = 0, end = text.size();
  while (begin < end && begin < static_cast<size_t>(step.start) && text[begin] == step.content[0])
    ++begin;
  for (int64_t n = 0; n < step.stop && end > begin && text[end - 1] == step.content[0]; ++n) --end;
  return text.substr(begin, end - begin);
}

}  // namespace

DecoderStep decoder_step(DecoderStep::Kind kind) {
  DecoderStep step;
  step.kind = kind;
  return step;
}

Decoder::Decoder(std::vector<DecoderStep> steps, const std::string& where)
    : steps_(std::move(steps)), patterns_(steps_.size()) {
  const auto refuse = [&](const char* expected, const char* got) {
    throw core::FormatError(
        {where + ": decoder", expected, got, "Such a decoder cannot run while text is generated"});
  };
  bool fused = false;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const DecoderStep& step = steps_[i];
    if (step.kind == StepKind::kFuse) fused = true;
    if (step.kind == StepKind::kReplace && step.is_regex)
      patterns_[i] = std::make_unique<Regex>(step.pattern, where);
    if (step.kind == StepKind::kMetaspace && step.prepend_scheme != PrependScheme::kNever)
      first_differs_ = true;
    if (!fused || step.kind == StepKind::kFuse) continue;
    if (step.kind != StepKind::kStrip) refuse("Fuse followed by Strip alone", "another step");
    if (step.stop != 0) refuse("Strip at the start of the text", "Strip at its end");
    if (num_stripped_ > 0) refuse("one Strip after Fuse", "two");
    stripped_ = step.content[0];
    num_stripped_ = step.start;
  }
}

std::string Decoder::run(std::string_view piece, bool first, bool is_piece) const {
  std::string text(piece);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const DecoderStep& step = steps_[i];
    switch (step.kind) {
      case StepKind::kByteLevel:
        if (is_piece) text = bytes_of_piece(text).value_or(text);
        break;
      case StepKind::kReplace:
        if (patterns_[i]) {
          std::string replaced;
          if (replace_matches(*patterns_[i], text, step.content, replaced)) text = replaced;
        } else {
          text = replace_all(text, step.pattern, step.content);
        }
        break;
      case StepKind::kByteFallback:
        if (const auto byte = is_piece ? byte_of_piece(text) : std::nullopt)
          return std::string(1, static_cast<char>(*byte));
        break;
      case StepKind::kFuse:
        return text;
      case StepKind::kStrip:
        if (is_piece) text = strip_ends(std::move(text), step);
        break;
      case StepKind::kMetaspace:
        text = replace_all(text, step.replacement,
                           first && step.prepend_scheme != PrependScheme::kNever ? "" : " ");
        break;
    }
  }
  return text;
}

std::string Decoder::bytes_of(std::string_view piece) const { return run(piece, false, true); }

void Decoder::append(std::string_view piece, std::string_view bytes, DecodeState& state,
                     std::string& out) const {
  if (first_differs_ && !state.started)
    append_stripped(run(piece, true, true), state, out);
  else
    append_stripped(bytes, state, out);
  state.started = true;
}

void Decoder::append_word(std::string_view word, DecodeState& state, std::string& out) const {
  std::string text = run(word, false, false);
  if (first_differs_ && !state.started && text.starts_with(' ')) text.erase(0, 1);
  append_stripped(text, state, out);
  state.started = true;
}

void Decoder::append_stripped(std::string_view bytes, DecodeState& state, std::string& out) const {
  while (state.stripped < num_stripped_ && bytes.starts_with(stripped_)) {
    bytes.remove_prefix(1);
    ++state.stripped;
  }
  if (!bytes.empty()) state.stripped = INT64_MAX;
  out += bytes;
}

}  // namespace llm::text
