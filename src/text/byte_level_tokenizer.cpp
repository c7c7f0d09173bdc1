#include "text/byte_level_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/byte_level.h"

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

}  // namespace

ByteLevelTokenizer::ByteLevelTokenizer(TokenizerSpec spec)
    : spec_(std::move(spec)),
      normalizer_(spec_.normalizer),
      pre_tokenizer_(spec_.pre_tokenizer, spec_.where) {
  build_pieces();
  model_ = std::make_unique<BpeModel>(spec_.model, special_);
  build_matchers();
  build_special_matcher();
  build_roles();
  fingerprint_ = fingerprint_of(spec_);
}

void ByteLevelTokenizer::build_pieces() {
  pieces_ = spec_.model.pieces;
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
    bytes_[id] = bytes_of_piece(pieces_[id]).value_or(pieces_[id]);
    ids_.emplace(pieces_[id], static_cast<int32_t>(id));
  }
  for (const AddedToken& token : spec_.added_tokens) bytes_[token.id] = token.content;
}

void ByteLevelTokenizer::build_matchers() {
  for (const bool parse_special : {false, true}) {
    std::vector<AddedToken> raw, normalized;
    std::vector<std::string> raw_contents, normalized_contents;
    for (const AddedToken& token : spec_.added_tokens) {
      if (token.special && !parse_special) continue;
      std::string storage;
      (token.normalized ? normalized : raw).push_back(token);
      if (token.normalized)
        normalized_contents.emplace_back(normalizer_.apply(token.content, storage));
      else
        raw_contents.push_back(token.content);
    }
    raw_matchers_[parse_special] = AddedTokenMatcher(std::move(raw), raw_contents);
    normalized_matchers_[parse_special] =
        AddedTokenMatcher(std::move(normalized), normalized_contents);
  }
}

// White space at a special token's side may lie in another part, so encode_parts strips it too.
void ByteLevelTokenizer::build_special_matcher() {
  std::vector<AddedToken> tokens;
  std::vector<std::string> contents;
  for (const AddedToken& token : spec_.added_tokens) {
    if (!token.special) continue;
    tokens.push_back(token);
    contents.push_back(token.content);
  }
  special_matcher_ = AddedTokenMatcher(std::move(tokens), contents);
}

std::optional<int32_t> ByteLevelTokenizer::role_id(const std::optional<std::string>& content,
                                                   const char* role) const {
  if (!content) return std::nullopt;
  const std::optional<int32_t> id = find(*content);
  if (!id)
    throw core::FormatError({spec_.where, fmt::format("the {} token in the vocabulary", role),
                             "'" + *content + "'", "Correct tokenizer_config.json"});
  return id;
}

void ByteLevelTokenizer::build_roles() {
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

void ByteLevelTokenizer::walk(std::string_view text, bool parse_special,
                              const WordSink& sink) const {
  LLM_CHECK(find_invalid_utf8(text) == std::string_view::npos, "text is not valid UTF-8");
  const PreTokenizer::WordSink words = [&](std::string_view word) { sink(nullptr, word); };
  std::string storage;
  raw_matchers_[parse_special].split(text, [&](const AddedToken* token, std::string_view part) {
    if (token) return sink(token, part);
    normalized_matchers_[parse_special].split(
        normalizer_.apply(part, storage), [&](const AddedToken* inner, std::string_view rest) {
          inner ? sink(inner, rest) : pre_tokenizer_.split(rest, words);
        });
  });
}

void ByteLevelTokenizer::encode_plain(std::string_view text, bool parse_special,
                                      std::vector<int32_t>& ids) const {
  walk(text, parse_special, [&](const AddedToken* token, std::string_view word) {
    token ? ids.push_back(token->id) : model_->encode_word(word, ids);
  });
}

std::vector<int32_t> ByteLevelTokenizer::encode(std::string_view text,
                                                const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + spec_.prefix_ids.size() + spec_.suffix_ids.size());
  if (options.add_special) ids = spec_.prefix_ids;
  encode_plain(text, options.parse_special, ids);
  if (options.add_special) ids.insert(ids.end(), spec_.suffix_ids.begin(), spec_.suffix_ids.end());
  return ids;
}

std::vector<int32_t> ByteLevelTokenizer::encode_parts(std::span<const TextPart> parts) const {
  std::vector<int32_t> ids;
  std::string plain;          // text since the last special token
  bool strip_spaces = false;  // that token swallows what is white at the start of `plain`
  const auto flush = [&](bool strip_end) {
    std::string_view text = plain;
    if (strip_spaces) text.remove_prefix(skip_spaces_right(text, 0));
    if (strip_end) text = text.substr(0, skip_spaces_left(text, text.size()));
    encode_plain(text, false, ids);
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

std::string ByteLevelTokenizer::normalize(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  walk(text, false, [&](const AddedToken* token, std::string_view word) {
    out += token ? std::string_view(token->content) : word;
  });
  return out;
}

uint64_t ByteLevelTokenizer::count_unknown(std::string_view text) const {
  if (model_->covers_all_bytes()) return 0;
  uint64_t count = 0;
  walk(text, false, [&](const AddedToken* token, std::string_view word) {
    if (!token) count += model_->count_unknown_bytes(word);
  });
  return count;
}

std::string ByteLevelTokenizer::decode_bytes(std::span<const int32_t> ids,
                                             bool skip_special) const {
  std::string out;
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size())
      throw core::DataError({spec_.where, fmt::format("ids from 0 to {}", vocab_size() - 1),
                             fmt::format("{}", id), "Was the text encoded by another tokenizer?"});
    if (!(skip_special && special_[id])) out += bytes_[id];
  }
  return out;
}

std::optional<int32_t> ByteLevelTokenizer::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string& ByteLevelTokenizer::piece(int32_t id) const {
  LLM_CHECK(id >= 0 && id < vocab_size(), "id {} is outside the vocabulary of {}", id,
            vocab_size());
  return pieces_[id];
}

bool ByteLevelTokenizer::is_special(int32_t id) const {
  LLM_CHECK(id >= 0 && id < vocab_size(), "id {} is outside the vocabulary of {}", id,
            vocab_size());
  return special_[id];
}

}  // namespace llm::text
