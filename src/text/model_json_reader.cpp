#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "text/byte_level.h"
#include "text/model_json.h"

namespace llm::text {
namespace {

using Ids = std::unordered_map<std::string_view, int32_t>;

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

// A byte-level vocabulary that spells every byte never falls back: the flag means nothing there.
bool spells_all_bytes(const Ids& ids) {
  return std::ranges::all_of(byte_symbols(),
                             [&](const std::string& symbol) { return ids.contains(symbol); });
}

BpeRules read_bpe(const JsonField& model, bool byte_level) {
  for (const char* option : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
    refuse_unless_off(model.at(option));
  BpeRules rules;
  Ids ids;
  read_vocab(model.at("vocab"), rules, ids);
  rules.byte_fallback = model.at("byte_fallback").boolean_or(false);
  if (rules.byte_fallback && byte_level) {
    if (!spells_all_bytes(ids))
      model.at("byte_fallback").refuse("false with the pre-tokenizer ByteLevel");
    rules.byte_fallback = false;
  }
  MergeReader(model.at("merges").array(), ids, rules).run();
  rules.ignore_merges = model.at("ignore_merges").boolean_or(false);
  rules.fuse_unk = model.at("fuse_unk").boolean_or(false);
  const JsonField unk = model.at("unk_token");
  if (unk.is_null()) return rules;
  const auto found = ids.find(unk.string());
  if (found == ids.end()) unk.refuse("a piece of the vocabulary");
  rules.unk_id = found->second;
  return rules;
}

UnigramRules read_unigram(const JsonField& model) {
  UnigramRules rules;
  const JsonField vocab = model.at("vocab").array();
  if (static_cast<int64_t>(vocab.size()) > kMaxTokenId + 1)
    vocab.refuse(fmt::format("at most {} pieces", kMaxTokenId + 1));
  for (size_t id = 0; id < vocab.size(); ++id) {
    const JsonField entry = vocab.item(id).array();
    if (entry.size() != 2 || !entry.item(1).value().is_number()) entry.refuse("[piece, score]");
    const double score = entry.item(1).value().get<double>();
    if (!std::isfinite(score)) entry.refuse("a finite score");
    rules.pieces.push_back(entry.item(0).string());
    rules.scores.push_back(score);
  }
  rules.fuse_unk = true;
  rules.byte_fallback = model.at("byte_fallback").boolean_or(false);
  const JsonField unk = model.at("unk_id");
  if (unk.is_null()) return rules;
  rules.unk_id = token_id(unk);
  if (static_cast<size_t>(*rules.unk_id) >= rules.pieces.size())
    unk.refuse(fmt::format("an id below {}", rules.pieces.size()));
  return rules;
}

}  // namespace

int32_t token_id(const JsonField& json) {
  const int64_t id = json.integer();
  if (id < 0 || id > kMaxTokenId) json.refuse(fmt::format("an id from 0 to {}", kMaxTokenId));
  return static_cast<int32_t>(id);
}

std::string model_type(const JsonField& model) {
  const JsonField type = model.at("type");
  if (type.is_null()) return model.at("vocab").is_array() ? "Unigram" : "BPE";  // older files
  if (type.string() != "BPE" && type.string() != "Unigram")
    type.refuse("a supported model (BPE, Unigram)");
  return type.string();
}

AnyRules read_model(const JsonField& model, bool byte_level) {
  if (model_type(model) == "BPE") return read_bpe(model, byte_level);
  if (byte_level) model.at("type").refuse("BPE, as the pre-tokenizer is ByteLevel");
  return read_unigram(model);
}

}  // namespace llm::text
