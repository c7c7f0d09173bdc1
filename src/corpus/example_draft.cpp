#include "corpus/example_draft.h"

#include <algorithm>
#include <span>

#include "corpus/blank.h"
#include "llm/text/utf8.h"

namespace llm::corpus {
namespace {

bool ends_turns(const text::Tokenizer& tokenizer, int32_t id) {
  if (tokenizer.is_special(id)) return true;
  const std::vector<int32_t> stops = tokenizer.stop_ids();
  return std::ranges::find(stops, id) != stops.end();
}

// The largest end <= `end` at which ids[begin, end) are whole characters.
size_t whole_characters(const text::Tokenizer& tokenizer, std::span<const int32_t> ids,
                        size_t begin, size_t end) {
  constexpr size_t kLongestTail = 16;  // a character is at most four tokens
  for (size_t cut = end; cut > begin; --cut) {
    const size_t from = std::max(begin, cut - std::min(cut, kLongestTail));
    const std::string bytes = tokenizer.decode_bytes(ids.subspan(from, cut - from));
    if (text::complete_utf8_prefix(bytes) == bytes.size()) return cut;
  }
  return begin;
}

template <class T>
void erase_range(std::vector<T>& values, size_t begin, size_t end) {
  const auto at = [&](size_t index) { return values.begin() + static_cast<ptrdiff_t>(index); };
  values.erase(at(begin), at(end));
}

}  // namespace

size_t find_end_of_turn(const Draft& draft, const text::Tokenizer& tokenizer) {
  const std::span<const int32_t> ids = draft.document.ids;
  const size_t end = draft.answer.end;
  for (size_t i = end; i > draft.answer.begin; --i) {
    if (ends_turns(tokenizer, ids[i - 1])) return i - 1;
    if (!is_blank(tokenizer.decode_bytes(ids.subspan(i - 1, 1)))) break;
  }
  return end;
}

Fit cut_to_length(Draft& draft, size_t max_length, const text::Tokenizer& tokenizer) {
  std::vector<int32_t>& ids = draft.document.ids;
  if (ids.size() <= max_length) return Fit::kWhole;
  const AnswerRange& answer = draft.answer;
  const size_t marker = find_end_of_turn(draft, tokenizer);
  const size_t marker_size = answer.end - marker;
  if (max_length <= answer.content + marker_size) return Fit::kTooLong;
  size_t cut = std::min(marker, max_length - marker_size);
  if (cut < marker) cut = whole_characters(tokenizer, ids, answer.content, cut);
  if (cut <= answer.content) return Fit::kTooLong;
  ids.resize(answer.end);
  draft.document.trained.resize(answer.end);
  erase_range(ids, cut, marker);
  erase_range(draft.document.trained, cut, marker);
  return Fit::kCut;
}

}  // namespace llm::corpus
