// Counts of distinct words: one open-addressing table over an arena of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::text {

// Not thread-safe: each thread counts into its own, merge() joins them.
class WordCounter {
 public:
  void add(std::string_view word, uint64_t count = 1);
  void merge(const WordCounter& other);
  size_t size() const { return words_.size(); }
  // Words in the order they were first seen.
  std::string_view word(size_t index) const;
  uint64_t count(size_t index) const { return words_[index].count; }

 private:
  struct Word {
    uint64_t hash;
    uint64_t offset;
    uint64_t count;
    uint32_t length;
  };
  void grow();

  std::vector<Word> words_;
  std::vector<uint32_t> slots_;  // index + 1 into words_, 0: free
  std::string arena_;
};

}  // namespace llm::text
