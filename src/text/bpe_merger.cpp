#include "text/bpe_merger.h"

#include <algorithm>

#include "llm/core/check.h"

namespace llm::text {
namespace {

constexpr size_t kFirstMergeSlots = size_t{1} << 16;

uint64_t hash_of(BpeMerger::Pair pair) {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 |
                       static_cast<uint32_t>(pair.second);
  return (key * 0x9E3779B97F4A7C15ull) >> 20;
}

}  // namespace

void BpeMerger::add_word(const std::vector<Symbol>& symbols, uint64_t count) {
  LLM_CHECK(words_.size() < UINT32_MAX, "more than 2^32 distinct words");
  words_.push_back({symbols_.size(), static_cast<uint32_t>(symbols.size()), count});
  symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
}

void BpeMerger::start() {
  for (uint32_t index = 0; index < words_.size(); ++index) {
    const Word& word = words_[index];
    const Symbol* symbols = symbols_.data() + word.offset;
    for (uint32_t i = 0; i + 1 < word.length; ++i)
      count_pair({symbols[i], symbols[i + 1]}, index, word.count);
  }
  touched_.clear();
  for (uint32_t state = 0; state < states_.size(); ++state)
    heap_.push_back({states_[state].count, states_[state].pair, state});
  std::make_heap(heap_.begin(), heap_.end());
}

std::optional<BpeMerger::Best> BpeMerger::best() {
  while (!heap_.empty()) {
    const HeapEntry top = heap_.front();
    const PairState& state = states_[top.state];
    if (!state.discarded && state.count == top.count && top.count > 0)
      return Best{top.pair, top.count};
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    if (state.discarded || state.count == 0) continue;
    heap_.push_back({state.count, top.pair, top.state});
    std::push_heap(heap_.begin(), heap_.end());
  }
  return std::nullopt;
}

void BpeMerger::discard(Pair pair) {
  PairState& state = states_[state_of(pair)];
  state.discarded = true;
  state.words = {};
}

void BpeMerger::merge(Pair pair, Symbol merged) {
  const uint32_t state = state_of(pair);
  std::vector<uint32_t> words = std::move(states_[state].words);
  states_[state].discarded = true;
  for (const uint32_t word : words) merge_in_word(word, pair, merged);
  for (const uint32_t touched : touched_) {
    heap_.push_back({states_[touched].count, states_[touched].pair, touched});
    std::push_heap(heap_.begin(), heap_.end());
  }
  touched_.clear();
}

// A pair of neighbours disappears when one of the two is merged, and a pair that holds the merged
// symbol appears; every neighbourhood is counted once, runs of the pair included.
void BpeMerger::merge_in_word(uint32_t index, Pair pair, Symbol merged) {
  Word& word = words_[index];
  Symbol* s = symbols_.data() + word.offset;
  const uint32_t length = word.length;
  uint32_t out = 0, last_end = 0;
  for (uint32_t i = 0; i < length;) {
    if (i + 1 == length || s[i] != pair.first || s[i + 1] != pair.second) {
      s[out++] = s[i++];
      continue;
    }
    // s[i - 1] may be overwritten, but only by itself or by what the last match left.
    if (i > 0 && last_end != i) uncount_pair({s[out - 1], s[i]}, word.count);
    if (i + 2 < length) uncount_pair({s[i + 1], s[i + 2]}, word.count);
    i += 2;
    last_end = i;
    s[out++] = merged;
  }
  word.length = out;
  for (uint32_t i = 0; i < out; ++i) {
    if (s[i] != merged) continue;
    if (i > 0) count_pair({s[i - 1], merged}, index, word.count);
    if (i + 1 < out && s[i + 1] != merged) count_pair({merged, s[i + 1]}, index, word.count);
  }
}

void BpeMerger::count_pair(Pair pair, uint32_t word, uint64_t count) {
  const uint32_t index = state_of(pair);
  PairState& state = states_[index];
  if (state.count == 0 && state.words.empty()) touched_.push_back(index);
  state.count += count;
  if (state.words.empty() || state.words.back() != word) state.words.push_back(word);
}

void BpeMerger::uncount_pair(Pair pair, uint64_t count) {
  PairState& state = states_[state_of(pair)];
  if (state.discarded) return;
  LLM_DCHECK(state.count >= count, "a pair count below zero");
  state.count -= count;
}

uint32_t BpeMerger::state_of(Pair pair) {
  if ((states_.size() + 1) * 2 > table_.size()) grow_table();
  const size_t mask = table_.size() - 1;
  for (size_t i = hash_of(pair) & mask;; i = (i + 1) & mask) {
    if (table_[i] == 0) {
      states_.push_back({pair, 0, {}, false});
      table_[i] = static_cast<uint32_t>(states_.size());
      return table_[i] - 1;
    }
    if (states_[table_[i] - 1].pair == pair) return table_[i] - 1;
  }
}

void BpeMerger::grow_table() {
  table_.assign(table_.empty() ? kFirstMergeSlots : table_.size() * 2, 0);
  const size_t mask = table_.size() - 1;
  for (size_t index = 0; index < states_.size(); ++index) {
    size_t i = hash_of(states_[index].pair) & mask;
    while (table_[i] != 0) i = (i + 1) & mask;
    table_[i] = static_cast<uint32_t>(index + 1);
  }
}

}  // namespace llm::text
