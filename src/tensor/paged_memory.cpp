#include "llm/tensor/paged_memory.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "tensor/page_range.h"

namespace llm::tensor {

namespace {

constexpr size_t kSmallestBlock = size_t{1} << 20;

// Fragmentation never exhausts it: address space costs nothing.
size_t reservation() {
  const auto physical =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return 4 * physical;
}

class PagedAllocator final : public c10::Allocator {
 public:
  PagedAllocator() : range_(reservation(), SIZE_MAX) {}

  bool is_reserved() const { return range_.is_reserved(); }

  at::DataPtr allocate(size_t bytes) override {
    void* block = bytes >= kSmallestBlock ? allocate_block(bytes) : nullptr;
    if (block == nullptr) block = c10::alloc_cpu(bytes);
    return {block, block, &free_block, at::kCPU};
  }

  // For LibTorch's own uses of raw memory (oneDNN's scratch pads).
  at::DeleterFnPtr raw_deleter() const override { return &free_block; }

  void copy_data(void* target, const void* source, std::size_t count) const override {
    std::memcpy(target, source, count);
  }

  void set_policy(PagePolicy policy) {
    const std::lock_guard lock(mutex_);
    range_.set_keep_bytes(policy == PagePolicy::kKeep ? SIZE_MAX
                                                      : static_cast<size_t>(kKeptMemoryBytes));
  }

  PagedMemoryStats stats() {
    const std::lock_guard lock(mutex_);
    return {static_cast<int64_t>(range_.used_bytes()), static_cast<int64_t>(range_.kept_bytes())};
  }

  // Never destroyed: tensors of static lifetime may outlive any order of destruction.
  static PagedAllocator& instance() {
    static auto* allocator = new PagedAllocator;
    return *allocator;
  }

 private:
  void* allocate_block(size_t bytes) {
    const std::lock_guard lock(mutex_);
    return range_.allocate(bytes);
  }

  static void free_block(void* block) {
    PagedAllocator& self = instance();
    if (!self.range_.contains(block)) {
      c10::free_cpu(block);
      return;
    }
    const std::lock_guard lock(self.mutex_);
    self.range_.free(block);
  }

  std::mutex mutex_;
  PageRange range_;
};

}  // namespace

bool use_paged_memory(PagePolicy policy) {
  PagedAllocator& allocator = PagedAllocator::instance();
  if (!allocator.is_reserved()) return false;
  allocator.set_policy(policy);
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
  return true;
}

PagedMemoryStats paged_memory_stats() { return PagedAllocator::instance().stats(); }

}  // namespace llm::tensor
