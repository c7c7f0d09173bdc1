// A set of strings with ids, walked byte by byte: a double-array trie (Aoe, 1989; the XOR form, in
// which the children of a node lie in one block of 256 slots).
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace llm::text {

class PieceTrie {
 public:
  PieceTrie() : PieceTrie(std::vector<std::pair<std::string_view, int32_t>>()) {}
  // Keys with their ids >= 0. Empty keys are left out; of equal keys the first counts.
  explicit PieceTrie(std::vector<std::pair<std::string_view, int32_t>> keys);

  static constexpr uint32_t kRoot = 0;
  // Goes from `node` to its child under `byte`; false when there is none.
  bool step(uint32_t& node, char byte) const {
    const uint32_t child = slots_[node].base ^ static_cast<uint8_t>(byte);
    if (slots_[child].parent != node) return false;
    node = child;
    return true;
  }
  // The id of the key that ends at `node`, or -1.
  int32_t id(uint32_t node) const { return slots_[node].id; }

 private:
  static constexpr uint32_t kFree = ~0u;
  struct Slot {
    uint32_t base = 0;  // children are at base ^ byte
    uint32_t parent = kFree;
    int32_t id = -1;
  };
  struct Block {
    uint32_t start;
    uint32_t free;
  };
  uint32_t place(const std::vector<uint8_t>& labels);
  bool fits(uint32_t base, const std::vector<uint8_t>& labels) const;
  void add_block();

  std::vector<Slot> slots_;
  std::vector<Block> open_blocks_;  // that may still take children
};

}  // namespace llm::text
