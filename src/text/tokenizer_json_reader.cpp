#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "text/byte_level.h"
#include "text/json_fields.h"
#include "text/pipeline_json.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

using Ids = std::unordered_map<std::string_view, int32_t>;

int32_t token_id(const JsonField& json) {
  const int64_t id = json.integer();
  if (id < 0 || id > kMaxTokenId) json.refuse(fmt::format("an id from 0 to {}", kMaxTokenId));
  return static_cast<int32_t>(id);
}

void refuse_unless_off(const JsonField& json) {
  if (json.is_null() || (json.is_string() && json.string().empty())) return;
  if (json.value().is_number() && json.value().get<double>() == 0) return;
  json.refuse("null", "This option is not supported");
}

void read_vocab(const JsonField& vocab, BpeRules& rules, Ids& ids) {
  ids.reserve(vocab.object().size());
  for (const auto& [piece, value] : vocab.value().items()) {
    const int32_t id = token_id({value, vocab.where()});
    if (piece.empty()) vocab.refuse("pieces that are not empty");
    if (static_cast<size_t>(id) >= rules.pieces.size()) rules.pieces.resize(id + 1);
    if (!rules.pieces[id].empty())
      throw core::FormatError({vocab.where(), "one piece per id",
                               fmt::format("'{}' and '{}' for id {}", rules.pieces[id], piece, id),
                               ""});
    rules.pieces[id] = piece;
    ids.emplace(piece, id);
  }
}

class MergeReader {
 public:
  MergeReader(const JsonField& merges, const Ids& ids, BpeRules& rules)
      : merges_(merges), ids_(ids), rules_(rules) {}

  void run() {
    rules_.merges.reserve(merges_.size());
    rules_.merged.reserve(merges_.size());
    for (at_ = 0; at_ < merges_.size(); ++at_) read(merges_.value()[at_]);
  }

 private:
  void read(const io::Json& entry) {
    if (entry.is_string()) {
      const std::string_view text = entry.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space == text.npos || text.find(' ', space + 1) != text.npos) refuse();
      return add(text.substr(0, space), text.substr(space + 1));
    }
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string())
      refuse();
    add(entry[0].get_ref<const std::string&>(), entry[1].get_ref<const std::string&>());
  }

  void add(std::string_view left, std::string_view right) {
    joined_.assign(left).append(right);
    const int32_t left_id = id(left);
    rules_.merges.emplace_back(left_id, id(right));
    rules_.merged.push_back(id(joined_));
  }

  int32_t id(std::string_view piece) const {
    const auto found = ids_.find(piece);
    if (found != ids_.end()) return found->second;
    throw core::FormatError({merges_.item(at_).where(), "pieces of the vocabulary",
                             fmt::format("'{}'", piece),
                             "The file is damaged or was edited; fetch it again"});
  }

  [[noreturn]] void refuse() const {
    merges_.item(at_).refuse("\"left right\" or [\"left\", \"right\"]",
                             "The file is damaged or was edited; fetch it again");
  }

  JsonField merges_;
  const Ids& ids_;
  BpeRules& rules_;
  std::string joined_;
  size_t at_ = 0;
};

void check_byte_fallback(const JsonField& model, const Ids& ids) {
  if (!model.at("byte_fallback").boolean_or(false)) return;
  for (const std::string& symbol : byte_symbols())
    if (!ids.contains(symbol))
      model.at("byte_fallback").refuse("false", "SentencePiece-style BPE is another kind of model");
}

void check_model_type(const JsonField& type) {
  if (type.is_null() || type.string() == "BPE") return;
  type.refuse("the model BPE", "Only byte-level BPE tokenizers can be read from tokenizer.json");
}

void read_model(const JsonField& model, BpeRules& rules) {
  for (const char* option : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
    refuse_unless_off(model.at(option));
  Ids ids;
  read_vocab(model.at("vocab"), rules, ids);
  check_byte_fallback(model, ids);
  MergeReader(model.at("merges").array(), ids, rules).run();
  rules.ignore_merges = model.at("ignore_merges").boolean_or(false);
  rules.fuse_unk = model.at("fuse_unk").boolean_or(false);
  const JsonField unk = model.at("unk_token");
  if (unk.is_null()) return;
  const auto found = ids.find(unk.string());
  if (found == ids.end()) unk.refuse("a piece of the vocabulary");
  rules.unk_id = found->second;
}

std::vector<AddedToken> read_added_tokens(const JsonField& list) {
  std::vector<AddedToken> tokens;
  if (list.is_null()) return tokens;
  for (size_t i = 0; i < list.array().size(); ++i) {
    const JsonField entry = list.item(i).object();
    AddedToken token;
    token.content = entry.at("content").string();
    token.id = token_id(entry.at("id"));
    if (token.content.empty()) entry.at("content").refuse("text that is not empty");
    token.special = entry.at("special").boolean_or(false);
    token.single_word = entry.at("single_word").boolean_or(false);
    token.lstrip = entry.at("lstrip").boolean_or(false);
    token.rstrip = entry.at("rstrip").boolean_or(false);
    token.normalized = entry.at("normalized").boolean_or(!token.special);
    tokens.push_back(std::move(token));
  }
  std::ranges::stable_sort(tokens, {}, &AddedToken::id);
  for (size_t i = 1; i < tokens.size(); ++i)
    if (tokens[i].id == tokens[i - 1].id) list.refuse(fmt::format("id {} once", tokens[i].id));
  return tokens;
}

void check_template_ids(const TokenizerSpec& spec) {
  int64_t size = static_cast<int64_t>(spec.model.pieces.size());
  if (!spec.added_tokens.empty()) size = std::max<int64_t>(size, spec.added_tokens.back().id + 1);
  for (const auto* ids : {&spec.prefix_ids, &spec.suffix_ids})
    for (const int32_t id : *ids)
      if (id >= size)
        throw core::FormatError({spec.where + ": post_processor", fmt::format("ids below {}", size),
                                 fmt::format("{}", id), ""});
}

}  // namespace

TokenizerSpec parse_tokenizer_json(std::string_view text, const std::string& where) {
  const io::Json json = io::parse_json(text, where);
  const JsonField root = JsonField::root(json, where);
  TokenizerSpec spec;
  spec.where = where;
  if (root.at("model").is_null()) root.at("model").refuse("a tokenizer.json with a model");
  // The small parts first: they tell another kind of tokenizer before its vocabulary is read.
  check_model_type(root.at("model").at("type"));
  spec.normalizer = read_normalizer(root.at("normalizer"));
  spec.pre_tokenizer = read_pre_tokenizer(root.at("pre_tokenizer"));
  check_decoder(root.at("decoder"));
  read_model(root.at("model"), spec.model);
  spec.added_tokens = read_added_tokens(root.at("added_tokens"));
  read_post_processor(root.at("post_processor"), spec);
  check_template_ids(spec);
  return spec;
}

}  // namespace llm::text
