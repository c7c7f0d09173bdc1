#include "tensor/page_range.h"

#include <sys/mman.h>

#include <algorithm>

#include "llm/core/arith.h"
#include "tensor/huge_page.h"

namespace llm::tensor {

namespace {

constexpr size_t kGranule = size_t{64} << 10;

}  // namespace

PageRange::PageRange(size_t reserved_bytes, size_t keep_bytes)
    : reserved_(core::round_up(reserved_bytes, size_t{kHugePage})), keep_(keep_bytes) {
  void* memory = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  base_ = static_cast<std::byte*>(memory);
  madvise(base_, reserved_, MADV_HUGEPAGE);
  insert_free(0, {reserved_, 0});
}

PageRange::~PageRange() {
  if (base_ != nullptr) munmap(base_, reserved_);
}

PageRange::FreeMap::iterator PageRange::insert_free(size_t offset, FreeBlock block) {
  by_size_.emplace(block.size, offset);
  kept_ += block.dirty;
  return free_.emplace(offset, block).first;
}

void PageRange::erase_free(FreeMap::iterator at) {
  by_size_.erase({at->second.size, at->first});
  kept_ -= at->second.dirty;
  free_.erase(at);
}

void* PageRange::allocate(size_t bytes) {
  const size_t size = core::round_up(std::max<size_t>(bytes, 1), kGranule);
  const auto fit = by_size_.lower_bound({size, 0});
  if (fit == by_size_.end()) return nullptr;
  const size_t offset = fit->second;
  const auto at = free_.find(offset);
  const FreeBlock block = at->second;
  erase_free(at);
  if (block.size > size) {
    const size_t dirty = block.dirty > size ? block.dirty - size : 0;
    insert_free(offset + size, {block.size - size, dirty});
  }
  live_.emplace(offset, size);
  used_ += size;
  return base_ + offset;
}

void PageRange::free(void* block) {
  const auto offset = static_cast<size_t>(static_cast<std::byte*>(block) - base_);
  const auto live = live_.find(offset);
  LLM_CHECK(live != live_.end(), "not a live block");
  FreeBlock merged{live->second, live->second};
  size_t begin = offset;
  used_ -= live->second;
  live_.erase(live);
  auto next = free_.lower_bound(offset);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second.size == offset) {
      begin = before->first;
      merged.size += before->second.size;
      merged.dirty += before->second.dirty;
      erase_free(before);
    }
  }
  if (next != free_.end() && begin + merged.size == next->first) {
    merged.size += next->second.size;
    merged.dirty += next->second.dirty;
    erase_free(next);
  }
  const auto at = insert_free(begin, merged);
  if (kept_ > keep_) give_back(at);
}

void PageRange::give_back(FreeMap::iterator at) {
  // Whole huge pages only: splitting one costs more than it returns.
  const size_t begin = core::round_up(at->first, size_t{kHugePage});
  const size_t end = (at->first + at->second.size) / kHugePage * kHugePage;
  if (begin < end) madvise(base_ + begin, end - begin, MADV_DONTNEED);
  kept_ -= at->second.dirty;
  at->second.dirty = 0;
}

}  // namespace llm::tensor
