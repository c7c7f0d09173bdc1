#include <bit>
#include <set>

#include "llm/io/hash.h"
#include "text/pipeline_tokenizer.h"

namespace llm::text {
namespace {

// Feeds values with their lengths, so that different lists never look alike.
class Feeder {
 public:
  void number(uint64_t value) { hash_.update(std::as_bytes(std::span(&value, 1))); }
  void text(std::string_view value) {
    number(value.size());
    hash_.update(std::as_bytes(std::span(value.data(), value.size())));
  }
  uint64_t digest() const { return hash_.digest(); }

 private:
  io::Xxh3 hash_;
};

void feed_step(Feeder& feed, const PreTokenizerStep& step) {
  feed.number(static_cast<uint64_t>(step.kind));
  feed.text(step.pattern);
  feed.text(step.replacement);
  feed.number(static_cast<uint64_t>(step.behavior));
  feed.number(static_cast<uint64_t>(step.prepend_scheme));
  for (const bool flag : {step.is_regex, step.invert, step.individual_digits, step.add_prefix_space,
                          step.use_regex, step.split})
    feed.number(flag);
}

void feed_normalizer(Feeder& feed, const NormalizerStep& step) {
  feed.number(static_cast<uint64_t>(step.kind));
  feed.number(static_cast<uint64_t>(step.form));
  for (const std::string* text : {&step.pattern, &step.content, &step.charsmap}) feed.text(*text);
  for (const bool flag : {step.strip_left, step.strip_right, step.is_regex, step.add_dummy_prefix,
                          step.remove_extra_whitespaces, step.escape_whitespaces})
    feed.number(flag);
}

void feed_token(Feeder& feed, const AddedToken& token) {
  feed.text(token.content);
  feed.number(static_cast<uint64_t>(token.id));
  for (const bool flag :
       {token.special, token.single_word, token.lstrip, token.rstrip, token.normalized})
    feed.number(flag);
}

// Contents of added tokens that merges can also make from plain text.
std::set<std::string_view> mergeable(const BpeRules& rules,
                                     const std::set<std::string_view>& added) {
  std::set<std::string_view> found;
  std::string merged;
  for (const auto& [left, right] : rules.merges) {
    merged = rules.pieces[static_cast<size_t>(left)] + rules.pieces[static_cast<size_t>(right)];
    if (const auto content = added.find(merged); content != added.end()) found.insert(*content);
  }
  return found;
}

// Some files list added tokens in the vocabulary too and some do not; where no text can reach them
// there, that makes no difference. (A single character, at most four bytes, is always reached.)
std::vector<std::string> reachable_pieces(const TokenizerSpec& spec) {
  std::vector<std::string> pieces = common_rules(spec.model).pieces;
  const auto* bpe = std::get_if<BpeRules>(&spec.model);
  if (bpe != nullptr && !bpe->ignore_merges && bpe->ranks.empty()) {
    std::set<std::string_view> added;
    for (const AddedToken& token : spec.added_tokens) added.insert(token.content);
    const std::set<std::string_view> kept = mergeable(*bpe, added);
    for (const AddedToken& token : spec.added_tokens) {
      const auto id = static_cast<size_t>(token.id);
      if (token.content.size() <= 4 || kept.contains(token.content)) continue;
      if (id < pieces.size() && pieces[id] == token.content) pieces[id].clear();
    }
  }
  while (!pieces.empty() && pieces.back().empty()) pieces.pop_back();
  return pieces;
}

void feed_rules(Feeder& feed, const TokenizerSpec& spec) {
  const ModelRules& rules = common_rules(spec.model);
  const std::vector<std::string> pieces = reachable_pieces(spec);
  feed.number(pieces.size());
  for (const std::string& piece : pieces) feed.text(piece);
  feed.number(static_cast<uint64_t>(rules.unk_id.value_or(-1)));
  feed.number(rules.fuse_unk);
  feed.number(rules.byte_fallback);
  feed.number(rules.kinds.size());
  for (const PieceKind kind : rules.kinds) feed.number(static_cast<uint64_t>(kind));
}

void feed_model(Feeder& feed, const TokenizerSpec& spec) {
  const AnyRules& rules = spec.model;
  feed.number(rules.index());
  feed_rules(feed, spec);
  if (const auto* bpe = std::get_if<BpeRules>(&rules)) {
    feed.number(bpe->merges.size());
    for (const auto& [left, right] : bpe->merges)
      feed.number(static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right));
    feed.number(bpe->ranks.size());
    for (const uint32_t rank : bpe->ranks) feed.number(rank);
    feed.number(bpe->ignore_merges);
  } else {
    for (const double score : common_rules(rules).scores)
      feed.number(std::bit_cast<uint64_t>(score));
  }
}

}  // namespace

uint64_t fingerprint_of(const TokenizerSpec& spec) {
  Feeder feed;
  feed_model(feed, spec);
  feed.number(spec.added_tokens.size());
  for (const AddedToken& token : spec.added_tokens) feed_token(feed, token);
  feed.number(spec.normalizer.size());
  for (const NormalizerStep& step : spec.normalizer) feed_normalizer(feed, step);
  feed.number(spec.pre_tokenizer.size());
  for (const PreTokenizerStep& step : spec.pre_tokenizer) feed_step(feed, step);
  for (const auto* ids : {&spec.prefix_ids, &spec.suffix_ids}) {
    feed.number(ids->size());
    for (const int32_t id : *ids) feed.number(static_cast<uint64_t>(id));
  }
  return feed.digest();
}

}  // namespace llm::text
