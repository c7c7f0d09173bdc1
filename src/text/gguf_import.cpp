#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "llm/core/error.h"
#include "llm/text/gguf_tokenizer.h"
#include "llm/text/utf8.h"
#include "text/gguf_pre_tokenizer.h"
#include "text/model_json.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

using GgufIds = std::unordered_map<std::string_view, int32_t>;

[[noreturn]] void refuse_key(const std::string& where, const std::string& key,
                             const std::string& expected, const std::string& got) {
  throw core::FormatError({where + ": tokenizer.ggml." + key, expected, got, ""});
}

bool is_padding(const GgufVocabulary& vocabulary, size_t id) {
  return id < vocabulary.token_types.size() &&
         vocabulary.token_types[id] == static_cast<int32_t>(PieceKind::kUnused) &&
         vocabulary.tokens[id] == fmt::format("[PAD{}]", id);
}

// Without the padding rows at the end.
size_t num_tokens(const GgufVocabulary& vocabulary) {
  size_t count = vocabulary.tokens.size();
  while (count > 0 && is_padding(vocabulary, count - 1)) --count;
  return count;
}

void check_gguf(const GgufVocabulary& vocabulary, const std::string& where) {
  const size_t count = vocabulary.tokens.size();
  if (count == 0 || static_cast<int64_t>(count) > kMaxTokenId)
    refuse_key(where, "tokens", fmt::format("1 to {} tokens", kMaxTokenId),
               fmt::format("{}", count));
  const auto& types = vocabulary.token_types;
  if (types.size() != count && !(types.empty() && vocabulary.model == "gpt2"))
    refuse_key(where, "token_type", fmt::format("{} types", count),
               fmt::format("{}", types.size()));
  for (const int32_t type : types)
    if (type < 1 || type > 6) refuse_key(where, "token_type", "1 to 6", fmt::format("{}", type));
  for (const std::string& token : vocabulary.tokens)
    if (find_invalid_utf8(token) != std::string::npos)
      refuse_key(where, "tokens", "UTF-8", "'" + replace_invalid_utf8(token) + "'");
  const auto check_id = [&](const char* key, const std::optional<int32_t>& id) {
    if (id && (*id < 0 || static_cast<size_t>(*id) >= num_tokens(vocabulary)))
      refuse_key(where, key, fmt::format("an id below {}", num_tokens(vocabulary)),
                 fmt::format("{}", *id));
  };
  check_id("bos_token_id", vocabulary.bos_id);
  check_id("eos_token_id", vocabulary.eos_id);
  check_id("eot_token_id", vocabulary.eot_id);
  check_id("eom_token_id", vocabulary.eom_id);
  check_id("unknown_token_id", vocabulary.unk_id);
  check_id("padding_token_id", vocabulary.pad_id);
}

PieceKind kind_of(const GgufVocabulary& vocabulary, size_t id) {
  return vocabulary.token_types.empty() ? PieceKind::kNormal
                                        : static_cast<PieceKind>(vocabulary.token_types[id]);
}

// Roles, template and added ends are the same for every kind.
void set_roles(const GgufVocabulary& vocabulary, bool adds_bos, bool adds_eos,
               TokenizerSpec& spec) {
  const auto role = [&](const std::optional<int32_t>& id) {
    return id ? std::optional(vocabulary.tokens[*id]) : std::nullopt;
  };
  spec.roles.bos = role(vocabulary.bos_id);
  spec.roles.eos = role(vocabulary.eos_id);
  spec.roles.pad = role(vocabulary.pad_id);
  spec.roles.unk = role(vocabulary.unk_id);
  for (const auto& id : {vocabulary.eos_id, vocabulary.eot_id, vocabulary.eom_id})
    if (id) spec.roles.generation_eos.push_back(*id);
  spec.roles.chat_template = vocabulary.chat_template;
  spec.prefix_ids.clear();
  spec.suffix_ids.clear();
  if (vocabulary.add_bos.value_or(adds_bos) && vocabulary.bos_id)
    spec.prefix_ids = {*vocabulary.bos_id};
  if (vocabulary.add_eos.value_or(adds_eos) && vocabulary.eos_id)
    spec.suffix_ids = {*vocabulary.eos_id};
}

// "left right"; together they must be a token, too.
class GgufMergeReader {
 public:
  GgufMergeReader(const GgufVocabulary& vocabulary, const std::string& where, BpeRules& rules)
      : merges_(vocabulary.merges), where_(where), rules_(rules) {
    for (size_t id = 0; id < rules.pieces.size(); ++id)
      if (!rules.pieces[id].empty()) ids_.emplace(rules.pieces[id], static_cast<int32_t>(id));
  }

  void run() {
    for (at_ = 0; at_ < merges_.size(); ++at_) read(merges_[at_]);
  }

 private:
  void read(std::string_view merge) {
    const size_t space = merge.find(' ');
    if (space == merge.npos) refuse("which has no space between two tokens");
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    joined_.assign(left).append(right);
    const int32_t left_id = id(left, "left");
    rules_.merges.emplace_back(left_id, id(right, "right"));
    rules_.merged.push_back(id(joined_, "joined"));
  }

  int32_t id(std::string_view token, const char* part) const {
    const auto found = ids_.find(token);
    if (found != ids_.end()) return found->second;
    refuse(fmt::format("whose {} part '{}' is no token of the file", part,
                       replace_invalid_utf8(token)));
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    throw core::FormatError(
        {.where = fmt::format("{}: tokenizer.ggml.merges[{}]", where_, at_),
         .expected = "two tokens with a space between, which make a third",
         .got = fmt::format("'{}', {}", replace_invalid_utf8(merges_[at_]), reason),
         .hint = "The file is damaged or was made with another vocabulary; fetch it again"});
  }

  const std::vector<std::string>& merges_;
  const std::string& where_;
  BpeRules& rules_;
  GgufIds ids_;
  std::string joined_;
  size_t at_ = 0;
};

// Control and user-defined tokens live beside the model's pieces, as in Hugging Face files.
void split_tokens(const GgufVocabulary& vocabulary, TokenizerSpec& spec, BpeRules& rules) {
  rules.pieces.resize(num_tokens(vocabulary));
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    const PieceKind kind = kind_of(vocabulary, id);
    if (is_padding(vocabulary, id) || vocabulary.tokens[id].empty()) continue;
    if (kind != PieceKind::kControl && kind != PieceKind::kUserDefined &&
        kind != PieceKind::kUnknown) {
      rules.pieces[id] = vocabulary.tokens[id];
      continue;
    }
    AddedToken token;
    token.content = vocabulary.tokens[id];
    token.id = static_cast<int32_t>(id);
    token.special = kind != PieceKind::kUserDefined;
    spec.added_tokens.push_back(std::move(token));
  }
}

// Hugging Face numbers added tokens that are no pieces from the number of pieces on: those among
// the pieces must be pieces, too. No merge makes them.
void number_as_hugging_face(const TokenizerSpec& spec, BpeRules& rules) {
  const auto is_piece = [](const std::string& piece) { return !piece.empty(); };
  const auto last = std::ranges::find_if(rules.pieces.rbegin(), rules.pieces.rend(), is_piece);
  const auto count = static_cast<int32_t>(rules.pieces.rend() - last);
  for (const AddedToken& token : spec.added_tokens)
    if (token.id < count) rules.pieces[static_cast<size_t>(token.id)] = token.content;
}

TokenizerSpec gpt2_spec(const GgufVocabulary& vocabulary, const std::string& where) {
  const auto pre = gguf_pre_tokenizer(vocabulary.pre);
  if (!pre)
    throw core::FormatError({where + ": tokenizer.ggml.pre",
                             "a pre-tokenizer we know (" + known_gguf_pre_tokenizers() + ")",
                             "'" + vocabulary.pre + "'",
                             "Take the model's Hugging Face directory instead"});
  TokenizerSpec spec;
  spec.where = where;
  spec.normalizer = pre->normalizer;
  spec.pre_tokenizer = pre->steps;
  spec.decoder = {decoder_step(DecoderStep::Kind::kByteLevel)};
  BpeRules rules;
  rules.ignore_merges = pre->ignore_merges;
  split_tokens(vocabulary, spec, rules);
  number_as_hugging_face(spec, rules);
  GgufMergeReader(vocabulary, where, rules).run();
  spec.model = std::move(rules);
  set_roles(vocabulary, pre->adds_bos, false, spec);
  return spec;
}

TokenizerSpec spm_spec(const GgufVocabulary& vocabulary, const std::string& where) {
  const size_t count = num_tokens(vocabulary);
  SentencePieceModel model;
  model.is_unigram = vocabulary.model == "t5";
  model.scores = vocabulary.scores;
  model.scores.resize(std::min(count, model.scores.size()));
  for (size_t id = 0; id < count; ++id) {
    const PieceKind kind = kind_of(vocabulary, id);
    const bool is_text = kind == PieceKind::kNormal || kind == PieceKind::kUserDefined;
    model.pieces.push_back(is_text ? replace_all(vocabulary.tokens[id], " ", kSpaceMark)
                                   : vocabulary.tokens[id]);
    model.kinds.push_back(kind);
  }
  const auto unknown = std::ranges::find(model.kinds, PieceKind::kUnknown);
  if (unknown != model.kinds.end())
    model.unk_id = static_cast<int32_t>(unknown - model.kinds.begin());
  if (vocabulary.unk_id) model.unk_id = *vocabulary.unk_id;
  if (model.unk_id >= 0) model.kinds[model.unk_id] = PieceKind::kUnknown;
  model.bos_id = vocabulary.bos_id.value_or(-1);
  model.eos_id = vocabulary.eos_id.value_or(-1);
  model.pad_id = vocabulary.pad_id.value_or(-1);
  model.byte_fallback = std::ranges::count(model.kinds, PieceKind::kByte) == 256;
  model.charsmap = vocabulary.precompiled_charsmap;
  if (!model.charsmap.empty()) model.normalizer_name = "user_defined";
  model.add_dummy_prefix = vocabulary.add_space_prefix.value_or(true);
  model.remove_extra_whitespaces = vocabulary.remove_extra_whitespaces.value_or(model.is_unigram);
  TokenizerSpec spec = sentencepiece_spec(std::move(model), where);
  set_roles(vocabulary, vocabulary.model == "llama", vocabulary.model == "t5", spec);
  return spec;
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_from_gguf(const GgufVocabulary& vocabulary,
                                                     const std::string& where) {
  const bool is_spm = vocabulary.model == "llama" || vocabulary.model == "t5";
  if (!is_spm && vocabulary.model != "gpt2")
    refuse_key(where, "model", "a supported kind (gpt2, llama, t5)", "'" + vocabulary.model + "'");
  check_gguf(vocabulary, where);
  return make_tokenizer(is_spm ? spm_spec(vocabulary, where) : gpt2_spec(vocabulary, where));
}

}  // namespace llm::text
