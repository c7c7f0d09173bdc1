#include "text/piece_trie.h"

#include <algorithm>

namespace llm::text {
namespace {

constexpr uint32_t kBlock = 256;
constexpr uint32_t kNoNode = ~1u;
constexpr size_t kMaxOpenBlocks = 16;  // older ones stay as full as they are

struct Range {  // of sorted keys that share their first `depth` bytes
  uint32_t node;
  size_t begin;
  size_t end;
  size_t depth;
};

}  // namespace

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, int32_t>> keys) {
  std::ranges::stable_sort(keys, {}, [](const auto& key) { return key.first; });
  add_block();
  slots_[kRoot].parent = kNoNode;
  --open_blocks_.back().free;
  std::vector<Range> todo = {{kRoot, 0, keys.size(), 0}};
  std::vector<uint8_t> labels;
  std::vector<size_t> starts;
  while (!todo.empty()) {
    Range range = todo.back();
    todo.pop_back();
    for (; range.begin < range.end && keys[range.begin].first.size() == range.depth; ++range.begin)
      if (range.depth > 0 && slots_[range.node].id < 0)
        slots_[range.node].id = keys[range.begin].second;
    labels.clear();
    starts.clear();
    for (size_t i = range.begin; i < range.end; ++i) {
      const auto label = static_cast<uint8_t>(keys[i].first[range.depth]);
      if (!labels.empty() && labels.back() == label) continue;
      labels.push_back(label);
      starts.push_back(i);
    }
    if (labels.empty()) {
      slots_[range.node].base = range.node;  // no slot has this node as its parent
      continue;
    }
    const uint32_t base = place(labels);
    slots_[range.node].base = base;
    for (size_t k = 0; k < labels.size(); ++k) {
      slots_[base ^ labels[k]].parent = range.node;
      const size_t end = k + 1 < labels.size() ? starts[k + 1] : range.end;
      todo.push_back({base ^ labels[k], starts[k], end, range.depth + 1});
    }
  }
}

uint32_t PieceTrie::place(const std::vector<uint8_t>& labels) {
  std::erase_if(open_blocks_, [](const Block& block) { return block.free == 0; });
  const auto count = static_cast<uint32_t>(labels.size());
  for (size_t i = open_blocks_.size(); i-- > 0;) {
    Block& block = open_blocks_[i];
    if (block.free < count) continue;
    for (uint32_t base = block.start; base < block.start + kBlock; ++base) {
      if (!fits(base, labels)) continue;
      block.free -= count;
      return base;
    }
  }
  add_block();
  open_blocks_.back().free -= count;
  return open_blocks_.back().start;
}

bool PieceTrie::fits(uint32_t base, const std::vector<uint8_t>& labels) const {
  return std::ranges::all_of(labels,
                             [&](uint8_t label) { return slots_[base ^ label].parent == kFree; });
}

void PieceTrie::add_block() {
  open_blocks_.push_back({static_cast<uint32_t>(slots_.size()), kBlock});
  if (open_blocks_.size() > kMaxOpenBlocks) open_blocks_.erase(open_blocks_.begin());
  slots_.resize(slots_.size() + kBlock);
}

}  // namespace llm::text
