#include "text/sentencepiece_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/byte_pieces.h"
#include "text/model_json.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

constexpr int64_t kAllSpaces = 1 << 20;
constexpr size_t kMaxPieceBytes = 1024;  // every split of a piece is looked up

[[noreturn]] void refuse_model(const std::string& where, const std::string& expected,
                               const std::string& got) {
  throw core::FormatError({where, expected, got, "The file is damaged or of another kind"});
}

void check_pieces(const SentencePieceModel& model, const std::string& where) {
  const size_t count = model.pieces.size();
  if (count == 0 || static_cast<int64_t>(count) > kMaxTokenId)
    refuse_model(where, fmt::format("1 to {} pieces", kMaxTokenId), fmt::format("{}", count));
  if (model.scores.size() != count || model.kinds.size() != count)
    refuse_model(where, fmt::format("a score and a kind for each of {} pieces", count),
                 fmt::format("{} and {}", model.scores.size(), model.kinds.size()));
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t id = 0; id < count; ++id) {
    const std::string& piece = model.pieces[id];
    const std::string place = fmt::format("{}: piece {}", where, id);
    if (piece.empty()) refuse_model(place, "a piece that is not empty", "''");
    if (find_invalid_utf8(piece) != std::string::npos) refuse_model(place, "UTF-8", "other bytes");
    if (piece.size() > kMaxPieceBytes)
      refuse_model(place, fmt::format("at most {} bytes", kMaxPieceBytes),
                   fmt::format("{}", piece.size()));
    if (!std::isfinite(model.scores[id]))
      refuse_model(place, "a finite score", fmt::format("{}", model.scores[id]));
    const auto [first, is_new] = seen.emplace(piece, id);
    if (!is_new)
      refuse_model(place, "every piece once",
                   fmt::format("'{}' as piece {}", piece, first->second));
    if (model.kinds[id] == PieceKind::kByte && !byte_of_piece(piece))
      refuse_model(place, "a byte piece (<0x00> to <0xFF>)", "'" + piece + "'");
  }
}

void check_ids(const SentencePieceModel& model, const std::string& where) {
  const auto count = static_cast<int32_t>(model.pieces.size());
  for (const int32_t id : {model.unk_id, model.bos_id, model.eos_id, model.pad_id})
    if (id < -1 || id >= count)
      refuse_model(where, fmt::format("special ids below {}", count), fmt::format("{}", id));
  if (!model.byte_fallback) return;
  const auto bytes = std::ranges::count(model.kinds, PieceKind::kByte);
  if (bytes != 256)
    refuse_model(where, "256 byte pieces for byte_fallback", fmt::format("{}", bytes));
}

std::vector<AddedToken> added_tokens_of(const SentencePieceModel& model) {
  std::vector<AddedToken> tokens;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const PieceKind kind = model.kinds[id];
    const bool special = kind == PieceKind::kControl || kind == PieceKind::kUnknown;
    if (!special && kind != PieceKind::kUserDefined) continue;
    AddedToken token;
    token.content = model.pieces[id];
    token.id = static_cast<int32_t>(id);
    token.special = special;
    token.normalized = !special;  // user-defined pieces are found in normalised text
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<DecoderStep> decoder_of(const SentencePieceModel& model) {
  DecoderStep spaces = decoder_step(DecoderStep::Kind::kReplace);
  spaces.pattern = kSpaceMark;
  spaces.content = " ";
  std::vector<DecoderStep> steps = {spaces};
  if (model.byte_fallback) steps.push_back(decoder_step(DecoderStep::Kind::kByteFallback));
  steps.push_back(decoder_step(DecoderStep::Kind::kFuse));
  if (!model.add_dummy_prefix && !model.remove_extra_whitespaces) return steps;
  DecoderStep prefix = decoder_step(DecoderStep::Kind::kStrip);
  prefix.content = " ";
  prefix.start = model.remove_extra_whitespaces ? kAllSpaces : 1;
  steps.push_back(prefix);
  return steps;
}

NormalizerStep normalizer_of(const SentencePieceModel& model) {
  NormalizerStep step;
  step.kind = NormalizerStep::Kind::kSentencePiece;
  step.content = model.normalizer_name;
  step.charsmap = model.charsmap;
  step.add_dummy_prefix = model.add_dummy_prefix;
  step.remove_extra_whitespaces = model.remove_extra_whitespaces;
  step.escape_whitespaces = model.escape_whitespaces;
  return step;
}

template <class Rules>
Rules rules_of(const SentencePieceModel& model) {
  Rules rules;
  rules.pieces = model.pieces;
  rules.scores.assign(model.scores.begin(), model.scores.end());
  rules.kinds = model.kinds;
  rules.byte_fallback = model.byte_fallback;
  rules.fuse_unk = true;
  if (model.unk_id >= 0) rules.unk_id = model.unk_id;
  return rules;
}

std::optional<std::string> piece_at(const SentencePieceModel& model, int32_t id) {
  return id < 0 ? std::nullopt : std::optional(model.pieces[id]);
}

int32_t id_of(const ModelRules& rules, const std::optional<std::string>& piece) {
  if (!piece) return -1;
  const auto found = std::ranges::find(rules.pieces, *piece);
  return found == rules.pieces.end() ? -1 : static_cast<int32_t>(found - rules.pieces.begin());
}

// The normaliser in steps that `tokenizers` has.
std::vector<NormalizerStep> hugging_face_steps(const NormalizerStep& own) {
  std::vector<NormalizerStep> steps;
  const std::string mark(own.escape_whitespaces ? kSpaceMark : " ");
  if (!own.charsmap.empty()) {
    NormalizerStep map;
    map.kind = NormalizerStep::Kind::kPrecompiled;
    map.charsmap = own.charsmap;
    steps.push_back(map);
  }
  if (own.remove_extra_whitespaces) {
    steps.push_back(replace_step("\\A +", "", true));
    steps.push_back(replace_step(" {2,}", " ", true));
  }
  if (own.add_dummy_prefix) steps.push_back(prepend_step(mark));
  if (own.escape_whitespaces) steps.push_back(replace_step(" ", mark));
  if (own.remove_extra_whitespaces) steps.push_back(replace_step("(" + mark + ")+\\z", "", true));
  return steps;
}

}  // namespace

TokenizerSpec sentencepiece_spec(SentencePieceModel model, const std::string& where) {
  check_pieces(model, where);
  check_ids(model, where);
  TokenizerSpec spec;
  spec.where = where;
  spec.normalizer = {normalizer_of(model)};
  spec.decoder = decoder_of(model);
  spec.added_tokens = added_tokens_of(model);
  if (model.is_unigram) {
    spec.model = rules_of<UnigramRules>(model);
  } else {
    auto rules = rules_of<BpeRules>(model);
    std::vector<bool> may_merge(model.pieces.size());
    for (size_t id = 0; id < may_merge.size(); ++id)
      may_merge[id] =
          model.kinds[id] == PieceKind::kNormal || model.kinds[id] == PieceKind::kUnused;
    build_merges(rules, may_merge);
    spec.model = std::move(rules);
  }
  spec.roles.bos = piece_at(model, model.bos_id);
  spec.roles.eos = piece_at(model, model.eos_id);
  spec.roles.pad = piece_at(model, model.pad_id);
  spec.roles.unk = piece_at(model, model.unk_id);
  if (model.bos_id >= 0) spec.prefix_ids = {model.bos_id};
  return spec;
}

SentencePieceModel sentencepiece_model_of(const TokenizerSpec& spec) {
  LLM_CHECK(spec.is_sentencepiece() && spec.normalizer.size() == 1, "not a SentencePiece model");
  const ModelRules& rules = spec.rules();
  const NormalizerStep& step = spec.normalizer[0];
  SentencePieceModel model;
  model.is_unigram = std::holds_alternative<UnigramRules>(spec.model);
  model.pieces = rules.pieces;
  for (const double score : rules.scores) model.scores.push_back(static_cast<float>(score));
  model.kinds = rules.kinds;
  model.byte_fallback = rules.byte_fallback;
  model.normalizer_name = step.content;
  model.charsmap = step.charsmap;
  model.add_dummy_prefix = step.add_dummy_prefix;
  model.remove_extra_whitespaces = step.remove_extra_whitespaces;
  model.escape_whitespaces = step.escape_whitespaces;
  model.unk_id = rules.unk_id.value_or(-1);
  model.bos_id = id_of(rules, spec.roles.bos);
  model.eos_id = id_of(rules, spec.roles.eos);
  model.pad_id = id_of(rules, spec.roles.pad);
  return model;
}

TokenizerSpec as_hugging_face(const TokenizerSpec& spec) {
  LLM_CHECK(spec.is_sentencepiece() && spec.normalizer.size() == 1, "not a SentencePiece model");
  TokenizerSpec out = spec;
  out.normalizer = hugging_face_steps(spec.normalizer[0]);
  for (AddedToken& token : out.added_tokens)
    if (spec.rules().is_kind(token.id, PieceKind::kUserDefined)) token.normalized = false;
  out.rules().kinds.clear();
  if (auto* bpe = std::get_if<BpeRules>(&out.model)) {
    bpe->ranks.clear();
    bpe->scores.clear();
  }
  return out;
}

void build_merges(BpeRules& rules, const std::vector<bool>& may_merge) {
  struct Merge {
    double score;
    int32_t left;
    int32_t right;
    int32_t merged;
    size_t left_size;
  };
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < rules.pieces.size(); ++id)
    if (may_merge[id]) ids.emplace(rules.pieces[id], static_cast<int32_t>(id));
  std::vector<Merge> merges;
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    if (!may_merge[id]) continue;
    const std::string_view piece = rules.pieces[id];
    for (size_t at = utf8_length(piece[0]); at < piece.size(); at += utf8_length(piece[at])) {
      const auto left = ids.find(piece.substr(0, at));
      if (left == ids.end()) continue;
      const auto right = ids.find(piece.substr(at));
      if (right == ids.end()) continue;
      merges.push_back(
          {rules.scores[id], left->second, right->second, static_cast<int32_t>(id), at});
    }
  }
  // Among equals the longest left part first, as the converters of `transformers` have it.
  std::ranges::stable_sort(merges, [](const Merge& a, const Merge& b) {
    return a.score != b.score ? a.score > b.score : a.left_size > b.left_size;
  });
  for (size_t i = 0; i < merges.size(); ++i) {
    const bool ties = i > 0 && merges[i].score == merges[i - 1].score;
    rules.ranks.push_back(ties ? rules.ranks.back() : static_cast<uint32_t>(i));
    rules.merges.emplace_back(merges[i].left, merges[i].right);
    rules.merged.push_back(merges[i].merged);
  }
}

}  // namespace llm::text
