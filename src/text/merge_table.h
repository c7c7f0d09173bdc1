// (left id, right id) -> (rank, merged id): an open-addressing hash table, filled once, read by
// many threads.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace llm::text {

struct MergeRule {
  uint32_t rank = 0;
  int32_t merged = -1;  // -1: the pair does not merge
};

class MergeTable {
 public:
  MergeTable() : MergeTable(0) {}
  explicit MergeTable(size_t count)
      : slots_(std::bit_ceil(count * 2 + 2)), mask_(slots_.size() - 1) {}

  // The later rule for a pair wins, as in Hugging Face `tokenizers`. Requires: at most `count`
  // different pairs.
  void insert(int32_t left, int32_t right, MergeRule rule) {
    const uint64_t key = key_of(left, right);
    size_t i = place(key);
    while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask_;
    slots_[i] = {key, rule};
  }

  MergeRule find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t i = place(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].rule;
      if (slots_[i].key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = ~0ull;
  struct Slot {
    uint64_t key = kEmpty;
    MergeRule rule;
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t key) const { return ((key * 0x9E3779B97F4A7C15ull) >> 24) & mask_; }

  std::vector<Slot> slots_;
  size_t mask_;
};

}  // namespace llm::text
