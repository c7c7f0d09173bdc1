#include "llm/io/hash.h"
#include "text/byte_level_tokenizer.h"

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
  feed.number(static_cast<uint64_t>(step.behavior));
  for (const bool flag :
       {step.is_regex, step.invert, step.individual_digits, step.add_prefix_space, step.use_regex})
    feed.number(flag);
}

void feed_token(Feeder& feed, const AddedToken& token) {
  feed.text(token.content);
  feed.number(static_cast<uint64_t>(token.id));
  for (const bool flag :
       {token.special, token.single_word, token.lstrip, token.rstrip, token.normalized})
    feed.number(flag);
}

void feed_model(Feeder& feed, const BpeRules& rules) {
  feed.number(rules.pieces.size());
  for (const std::string& piece : rules.pieces) feed.text(piece);
  feed.number(rules.merges.size());
  for (const auto& [left, right] : rules.merges)
    feed.number(static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right));
  feed.number(rules.ignore_merges);
  feed.number(rules.fuse_unk);
  feed.number(static_cast<uint64_t>(rules.unk_id.value_or(-1)));
}

}  // namespace

uint64_t fingerprint_of(const TokenizerSpec& spec) {
  Feeder feed;
  feed_model(feed, spec.model);
  feed.number(spec.added_tokens.size());
  for (const AddedToken& token : spec.added_tokens) feed_token(feed, token);
  feed.number(spec.normalizer.size());
  for (const NormalForm form : spec.normalizer) feed.number(static_cast<uint64_t>(form));
  feed.number(spec.pre_tokenizer.size());
  for (const PreTokenizerStep& step : spec.pre_tokenizer) feed_step(feed, step);
  return feed.digest();
}

}  // namespace llm::text
