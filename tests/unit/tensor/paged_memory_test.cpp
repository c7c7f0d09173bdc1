// Oracle: what c10::Allocator promises its callers (raw_allocate, raw_deallocate), and the sizes
// asked for.
#include "llm/tensor/paged_memory.h"

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cstring>

namespace llm::tensor {
namespace {

class PagedMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!use_paged_memory(PagePolicy::kKeep))
      GTEST_SKIP() << "skipped: no address space to reserve";
  }
};

// oneDNN's scratch pads are allocated so, in both kinds of block.
TEST_F(PagedMemory, GivesRawMemoryAndTakesItBack) {
  for (const size_t bytes : {size_t{64}, size_t{3} << 20}) {
    const int64_t before = paged_memory_stats().used_bytes;
    void* memory = c10::GetCPUAllocator()->raw_allocate(bytes);
    std::memset(memory, 1, bytes);
    c10::GetCPUAllocator()->raw_deallocate(memory);
    EXPECT_EQ(paged_memory_stats().used_bytes, before);
  }
}

TEST_F(PagedMemory, CountsLargeTensorsAlone) {
  const int64_t before = paged_memory_stats().used_bytes;
  const at::Tensor small = at::empty({16});
  EXPECT_EQ(paged_memory_stats().used_bytes, before);
  const at::Tensor large = at::empty({1 << 20});  // 4 MiB
  EXPECT_EQ(paged_memory_stats().used_bytes, before + (4 << 20));
}

}  // namespace
}  // namespace llm::tensor
