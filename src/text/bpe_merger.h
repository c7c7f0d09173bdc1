// The merge loop of BPE training: given words of symbols and how often each occurs, find the most
// frequent adjacent pair, make it a symbol, repeat.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace llm::text {

// Pair counts follow every merge exactly; a heap entry whose count has fallen since is put back
// with its present count when it comes up. Memory: one symbol per byte of the distinct words, and
// one word index per (pair, word). Not thread-safe.
class BpeMerger {
 public:
  using Symbol = int32_t;
  using Pair = std::pair<Symbol, Symbol>;

  // Adds a word. Requires: no merge has been made.
  void add_word(const std::vector<Symbol>& symbols, uint64_t count);
  // Counts the pairs. Requires: called once, after the last word.
  void start();

  struct Best {
    Pair pair;
    uint64_t count = 0;
  };
  // The most frequent pair, the smaller pair among equals; nothing when none is left.
  std::optional<Best> best();
  // Takes a pair out of the competition for good. Requires: it is best()'s.
  void discard(Pair pair);
  // Replaces the pair by `merged` everywhere, leftmost first. Requires: it is best()'s, and
  // `merged` occurs in no word.
  void merge(Pair pair, Symbol merged);

 private:
  struct PairState {
    Pair pair;
    uint64_t count = 0;
    std::vector<uint32_t> words;  // that hold the pair, or did
    bool discarded = false;
  };
  struct HeapEntry {
    uint64_t count;
    Pair pair;
    uint32_t state;
    bool operator<(const HeapEntry& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  struct Word {
    uint64_t offset;
    uint32_t length;
    uint64_t count;
  };
  uint32_t state_of(Pair pair);
  void grow_table();
  void count_pair(Pair pair, uint32_t word, uint64_t count);
  void uncount_pair(Pair pair, uint64_t count);
  void merge_in_word(uint32_t word, Pair pair, Symbol merged);

  std::vector<Symbol> symbols_;  // of all words, one after the other
  std::vector<Word> words_;
  std::vector<PairState> states_;
  std::vector<uint32_t> table_;  // open addressing: index + 1 into states_, 0: free
  std::vector<HeapEntry> heap_;
  std::vector<uint32_t> touched_;  // states that gained in the running merge
};

}  // namespace llm::text
