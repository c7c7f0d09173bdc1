// Words already merged, with their ids. A fixed number of slots, filled once and never emptied, so
// that any number of threads read without locks: the words that come first are mostly the frequent
// ones.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace llm::text {

class WordCache {
 public:
  static constexpr size_t kMaxWordBytes = 48;  // longer words are rare and not kept

  WordCache();
  ~WordCache();
  WordCache(const WordCache&) = delete;
  WordCache& operator=(const WordCache&) = delete;

  static uint64_t hash(std::string_view word);
  // Appends the word's ids; false when the word is not here. Requires: `hash` is hash(word).
  bool find(std::string_view word, uint64_t hash, std::vector<int32_t>& out) const;
  // Keeps the ids when a slot is free.
  void insert(std::string_view word, uint64_t hash, std::span<const int32_t> ids);

 private:
  struct Entry;
  struct Slot {
    std::atomic<const Entry*> entry{nullptr};
  };
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace llm::text
