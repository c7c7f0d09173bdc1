#include "text/word_counter.h"

#include "llm/core/check.h"
#include "text/word_cache.h"

namespace llm::text {
namespace {

constexpr size_t kFirstWordSlots = size_t{1} << 12;

}  // namespace

std::string_view WordCounter::word(size_t index) const {
  return std::string_view(arena_).substr(words_[index].offset, words_[index].length);
}

void WordCounter::add(std::string_view word, uint64_t count) {
  if ((words_.size() + 1) * 2 > slots_.size()) grow();
  const uint64_t hash = WordCache::hash(word);
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    if (slots_[i] == 0) {
      LLM_CHECK(words_.size() < UINT32_MAX, "more than 2^32 distinct words");
      words_.push_back({hash, arena_.size(), count, static_cast<uint32_t>(word.size())});
      arena_.append(word);
      slots_[i] = static_cast<uint32_t>(words_.size());
      return;
    }
    Word& known = words_[slots_[i] - 1];
    if (known.hash == hash && this->word(slots_[i] - 1) == word) {
      known.count += count;
      return;
    }
  }
}

void WordCounter::merge(const WordCounter& other) {
  for (size_t i = 0; i < other.size(); ++i) add(other.word(i), other.count(i));
}

void WordCounter::grow() {
  slots_.assign(slots_.empty() ? kFirstWordSlots : slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (size_t index = 0; index < words_.size(); ++index) {
    size_t i = words_[index].hash & mask;
    while (slots_[i] != 0) i = (i + 1) & mask;
    slots_[i] = static_cast<uint32_t>(index + 1);
  }
}

}  // namespace llm::text
