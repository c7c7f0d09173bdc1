// A best-fit allocator over one reserved address range; src/tensor/paged_memory.cpp makes it
// LibTorch's. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>

namespace llm::tensor {

class PageRange {
 public:
  // Reserves address space, no memory. keep_bytes: free memory that may stay resident.
  // is_reserved() tells whether the system agreed.
  PageRange(size_t reserved_bytes, size_t keep_bytes);
  ~PageRange();
  PageRange(const PageRange&) = delete;
  PageRange& operator=(const PageRange&) = delete;

  bool is_reserved() const { return base_ != nullptr; }
  bool contains(const void* address) const {
    const auto* byte = static_cast<const std::byte*>(address);
    return base_ != nullptr && byte >= base_ && byte < base_ + reserved_;
  }
  // nullptr when the range is exhausted. Blocks start at multiples of 64 KiB.
  void* allocate(size_t bytes);
  // Requires: `block` came from allocate().
  void free(void* block);
  // Takes effect with the next free().
  void set_keep_bytes(size_t bytes) { keep_ = bytes; }
  size_t used_bytes() const { return used_; }
  size_t kept_bytes() const { return kept_; }

 private:
  struct FreeBlock {
    size_t size = 0;
    size_t dirty = 0;  // bytes of it that were written since they were last given back; an
                       // estimate, for the policy alone
  };
  using FreeMap = std::map<size_t, FreeBlock>;  // by offset

  FreeMap::iterator insert_free(size_t offset, FreeBlock block);
  void erase_free(FreeMap::iterator at);
  void give_back(FreeMap::iterator at);

  std::byte* base_ = nullptr;
  size_t reserved_;
  size_t keep_;
  size_t used_ = 0;
  size_t kept_ = 0;
  FreeMap free_;
  std::set<std::pair<size_t, size_t>> by_size_;  // (size, offset) of free_
  std::unordered_map<size_t, size_t> live_;      // offset -> size
};

}  // namespace llm::tensor
