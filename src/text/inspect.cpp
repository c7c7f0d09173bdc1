#include "llm/text/inspect.h"

#include <algorithm>
#include <span>

#include "llm/text/chat_template.h"

namespace llm::text {
namespace {

std::string template_name(const std::string& jinja) {
  if (jinja.empty()) return "";
  return matches_named_template(jinja).value_or("own");
}

}  // namespace

TokenizerSummary summarize(const Tokenizer& tokenizer) {
  TokenizerSummary summary;
  summary.vocab_size = tokenizer.vocab_size();
  summary.num_merges = tokenizer.num_merges();
  summary.num_added = static_cast<int64_t>(tokenizer.added_tokens().size());
  summary.num_special = std::ranges::count_if(tokenizer.added_tokens(), &AddedToken::special);
  for (int32_t id = 0; id < summary.vocab_size; ++id) {
    if (tokenizer.piece(id).empty()) {
      ++summary.num_unused_ids;
      continue;
    }
    if (tokenizer.is_special(id)) continue;
    DecodeState inside{.started = true, .stripped = INT64_MAX};
    std::string bytes;
    tokenizer.decode_next(id, /*skip_special=*/false, inside, bytes);
    summary.longest_token_bytes =
        std::max(summary.longest_token_bytes, static_cast<int64_t>(bytes.size()));
  }
  summary.covers_all_bytes = tokenizer.covers_all_text();
  summary.chat_template = template_name(tokenizer.chat_template());
  summary.fingerprint = tokenizer.fingerprint();
  return summary;
}

void TextMeasure::add(const TextMeasure& other) {
  texts += other.texts;
  bytes += other.bytes;
  characters += other.characters;
  tokens += other.tokens;
  unknown_bytes += other.unknown_bytes;
  failed_round_trips += other.failed_round_trips;
}

TextMeasure measure_text(const Tokenizer& tokenizer, std::string_view text) {
  TextMeasure measure;
  measure.texts = 1;
  measure.bytes = text.size();
  measure.characters = static_cast<uint64_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
  const std::vector<int32_t> ids = tokenizer.encode(text);
  measure.tokens = ids.size();
  measure.unknown_bytes = tokenizer.count_unknown(text);
  measure.failed_round_trips = tokenizer.decode_bytes(ids) != tokenizer.normalize(text);
  return measure;
}

}  // namespace llm::text
