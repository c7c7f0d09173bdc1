#include "text/pipeline_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"

namespace llm::text {
namespace {

// Markers that end a turn in the chat formats of published models.
constexpr std::array<std::string_view, 8> kEndOfTurn = {
    "<|im_end|>",    "<|eot_id|>",      "<|eom_id|>",    "<|end|>",
    "<end_of_turn>", "<|end_of_text|>", "<|endoftext|>", "<|eot|>"};

std::vector<bool> special_flags(const TokenizerSpec& spec, size_t size) {
  std::vector<bool> flags(size);
  for (const AddedToken& token : spec.added_tokens)
    if (token.special) flags[token.id] = true;
  return flags;
}

// SentencePiece's normaliser leaves user-defined pieces alone.
std::vector<std::string> kept_strings(const ModelRules& rules) {
  std::vector<std::string> kept;
  for (size_t id = 0; id < rules.kinds.size(); ++id)
    if (rules.kinds[id] == PieceKind::kUserDefined) kept.push_back(rules.pieces[id]);
  return kept;
}

}  // namespace

PipelineTokenizer::PipelineTokenizer(TokenizerSpec spec)
    : spec_(std::move(spec)),
      normalizer_(spec_.normalizer, kept_strings(spec_.rules()), spec_.where),
      pre_tokenizer_(spec_.pre_tokenizer, spec_.where),
      decoder_(spec_.decoder, spec_.where) {
  build_pieces();
  model_ = make_model(spec_.model, spec_.is_byte_level() ? Alphabet::kBytes : Alphabet::kCharacters,
                      special_);
  build_matchers();
  build_special_matcher();
  build_roles();
  fingerprint_ = fingerprint_of(spec_);
}

void PipelineTokenizer::build_pieces() {
  pieces_ = spec_.rules().pieces;
  for (const AddedToken& token : spec_.added_tokens) {
    LLM_CHECK(token.id >= 0, "added token '{}' has id {}", token.content, token.id);
    if (static_cast<size_t>(token.id) >= pieces_.size()) pieces_.resize(token.id + 1);
    std::string& piece = pieces_[token.id];
    if (!piece.empty() && piece != token.content)
      throw core::FormatError(
          {spec_.where, "one token per id",
           fmt::format("'{}' and '{}' for id {}", piece, token.content, token.id), ""});
    piece = token.content;
  }
  special_ = special_flags(spec_, pieces_.size());
  bytes_.resize(pieces_.size());
  ids_.reserve(pieces_.size());
  for (size_t id = 0; id < pieces_.size(); ++id) {
    if (pieces_[id].empty()) continue;
    bytes_[id] = decoder_.bytes_of(pieces_[id]);
    ids_.emplace(pieces_[id], static_cast<int32_t>(id));
  }
  // Added tokens are written as they are, not in byte-level characters.
  if (spec_.is_byte_level())
    for (const AddedToken& token : spec_.added_tokens) bytes_[token.id] = token.content;
}

// SentencePiece's Unigram weighs user-defined pieces against others.
bool PipelineTokenizer::is_matched_by_model(const AddedToken& token) const {
  return std::holds_alternative<UnigramRules>(spec_.model) &&
         spec_.rules().is_kind(token.id, PieceKind::kUserDefined);
}

void PipelineTokenizer::build_matchers() {
  for (const bool parse_special : {false, true}) {
    std::vector<AddedToken> raw, normalized;
    std::vector<std::string> raw_contents, normalized_contents;
    for (const AddedToken& token : spec_.added_tokens) {
      if ((token.special && !parse_special) || is_matched_by_model(token)) continue;
      std::string storage;
      (token.normalized ? normalized : raw).push_back(token);
      if (token.normalized)
        normalized_contents.emplace_back(
            spec_.is_sentencepiece() ? token.content : normalizer_.apply(token.content, storage));
      else
        raw_contents.push_back(token.content);
    }
    raw_matchers_[parse_special] = AddedTokenMatcher(std::move(raw), raw_contents);
    normalized_matchers_[parse_special] =
        AddedTokenMatcher(std::move(normalized), normalized_contents);
  }
}

// White space at a special token's side may lie in another part, so encode_parts strips it too.
void PipelineTokenizer::build_special_matcher() {
  std::vector<AddedToken> tokens;
  std::vector<std::string> contents;
  for (const AddedToken& token : spec_.added_tokens) {
    if (!token.special) continue;
    tokens.push_back(token);
    contents.push_back(token.content);
  }
  special_matcher_ = AddedTokenMatcher(std::move(tokens), contents);
}

std::optional<int32_t> PipelineTokenizer::role_id(const std::optional<std::string>& content,
                                                  const char* role) const {
  if (!content) return std::nullopt;
  const std::optional<int32_t> id = find(*content);
  if (!id)
    throw core::FormatError({spec_.where, fmt::format("the {} token in the vocabulary", role),
                             "'" + *content + "'", "Correct tokenizer_config.json"});
  return id;
}

void PipelineTokenizer::build_roles() {
  bos_id_ = role_id(spec_.roles.bos, "bos");
  eos_id_ = role_id(spec_.roles.eos, "eos");
  pad_id_ = role_id(spec_.roles.pad, "pad");
  if (eos_id_) stop_ids_.push_back(*eos_id_);
  for (const int32_t id : spec_.roles.generation_eos)
    if (id >= 0 && id < vocab_size()) stop_ids_.push_back(id);
  for (const std::string_view marker : kEndOfTurn)
    if (const auto id = find(marker); id && special_[*id]) stop_ids_.push_back(*id);
  std::ranges::sort(stop_ids_);
  stop_ids_.erase(std::unique(stop_ids_.begin(), stop_ids_.end()), stop_ids_.end());
}

void PipelineTokenizer::walk(const Span& span, const WordSink& sink) const {
  LLM_CHECK(find_invalid_utf8(span.text) == std::string_view::npos, "text is not valid UTF-8");
  const PreTokenizer::WordSink words = [&](std::string_view word) { sink(nullptr, word); };
  std::string storage;
  raw_matchers_[span.parse_special].split(
      span.text, [&](const AddedToken* token, std::string_view part) {
        if (token) return sink(token, part);
        bool moved = false;
        const bool first = span.at_start && part.data() == span.text.data();
        const std::string_view normal = normalizer_.apply(part, storage, first ? &moved : nullptr);
        normalized_matchers_[span.parse_special].split(
            normal, [&](const AddedToken* inner, std::string_view rest) {
              if (inner) return sink(inner, rest);
              pre_tokenizer_.split(rest, words, first && !moved && rest.data() == normal.data());
            });
      });
}

void PipelineTokenizer::encode_span(const Span& span, std::vector<int32_t>& ids) const {
  walk(span, [&](const AddedToken* token, std::string_view word) {
    token ? ids.push_back(token->id) : model_->encode_word(word, ids);
  });
}

std::vector<int32_t> PipelineTokenizer::encode(std::string_view text,
                                               const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + spec_.prefix_ids.size() + spec_.suffix_ids.size());
  if (options.add_special) ids = spec_.prefix_ids;
  encode_span({.text = text, .parse_special = options.parse_special}, ids);
  if (options.add_special) ids.insert(ids.end(), spec_.suffix_ids.begin(), spec_.suffix_ids.end());
  return ids;
}

std::vector<int32_t> PipelineTokenizer::encode_parts(std::span<const TextPart> parts) const {
  std::vector<int32_t> ids;
  std::string plain;          // text since the last special token
  bool strip_spaces = false;  // that token swallows what is white at the start of `plain`
  bool at_start = true;       // there was none yet
  const auto flush = [&](bool strip_end) {
    std::string_view text = plain;
    if (strip_spaces) text.remove_prefix(skip_spaces_right(text, 0));
    if (strip_end) text = text.substr(0, skip_spaces_left(text, text.size()));
    encode_span({.text = text, .at_start = at_start}, ids);
    at_start = false;
    plain.clear();
  };
  for (const TextPart& part : parts) {
    if (!part.parse_special) {
      plain += part.text;
      continue;
    }
    special_matcher_.split(part.text, [&](const AddedToken* token, std::string_view text) {
      if (!token) {
        plain += text;
        return;
      }
      flush(token->lstrip);
      ids.push_back(token->id);
      strip_spaces = token->rstrip;
    });
  }
  flush(false);
  return ids;
}

std::string PipelineTokenizer::normalize(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  DecodeState state;
  walk({.text = text}, [&](const AddedToken* token, std::string_view word) {
    token ? decoder_.append(token->content, bytes_[token->id], state, out)
          : decoder_.append_word(word, state, out);
  });
  return out;
}

uint64_t PipelineTokenizer::count_unknown(std::string_view text) const {
  if (model_->covers_all_text()) return 0;
  uint64_t count = 0;
  walk({.text = text}, [&](const AddedToken* token, std::string_view word) {
    if (!token) count += model_->count_unknown_bytes(word);
  });
  return count;
}

std::string PipelineTokenizer::decode_bytes(std::span<const int32_t> ids, bool skip_special) const {
  std::string out;
  DecodeState state;
  for (const int32_t id : ids) decode_next(id, skip_special, state, out);
  return out;
}

void PipelineTokenizer::decode_next(int32_t id, bool skip_special, DecodeState& state,
                                    std::string& out) const {
  if (id < 0 || id >= vocab_size())
    throw core::DataError({spec_.where, fmt::format("ids from 0 to {}", vocab_size() - 1),
                           fmt::format("{}", id), "Was the text encoded by another tokenizer?"});
  if (!(skip_special && special_[id])) decoder_.append(pieces_[id], bytes_[id], state, out);
}

int64_t PipelineTokenizer::num_merges() const {
  const auto* bpe = std::get_if<BpeRules>(&spec_.model);
  return bpe ? static_cast<int64_t>(bpe->merges.size()) : 0;
}

std::optional<int32_t> PipelineTokenizer::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string& PipelineTokenizer::piece(int32_t id) const {
  LLM_CHECK(id >= 0 && id < vocab_size(), "id {} is outside the vocabulary of {}", id,
            vocab_size());
  return pieces_[id];
}

bool PipelineTokenizer::is_special(int32_t id) const {
  LLM_CHECK(id >= 0 && id < vocab_size(), "id {} is outside the vocabulary of {}", id,
            vocab_size());
  return special_[id];
}

std::shared_ptr<const Tokenizer> make_tokenizer(TokenizerSpec spec) {
  return std::make_shared<PipelineTokenizer>(std::move(spec));
}

}  // namespace llm::text
