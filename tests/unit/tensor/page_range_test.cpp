// Oracle: a plain list of live blocks: none overlaps another, each keeps what was written into it.
#include "tensor/page_range.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "llm/core/check.h"
#include "llm/core/rng.h"

namespace llm::tensor {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

struct Live {
  unsigned char* data;
  size_t size;
  unsigned char mark;
};

bool is_intact(const Live& block) {
  for (size_t i = 0; i < block.size; i += 4096) {
    if (block.data[i] != block.mark) return false;
  }
  return block.data[block.size - 1] == block.mark;
}

TEST(PageRange, RandomBlocksKeepTheirBytes) {
  PageRange range(512 * kMiB, 16 * kMiB);
  ASSERT_TRUE(range.is_reserved());
  core::PhiloxStream random(1);
  std::vector<Live> live;
  size_t total = 0;
  for (int i = 0; i < 2000; ++i) {
    if (live.size() > 30 || (!live.empty() && random.next_below(2) == 0)) {
      const size_t pick = random.next_below(live.size());
      ASSERT_TRUE(is_intact(live[pick])) << "step " << i;
      total -= live[pick].size;
      range.free(live[pick].data);
      live[pick] = live.back();
      live.pop_back();
      EXPECT_LE(range.kept_bytes(), 16 * kMiB);
      continue;
    }
    const size_t size = 1 + random.next_below(6 * kMiB);
    auto* data = static_cast<unsigned char*>(range.allocate(size));
    ASSERT_NE(data, nullptr);
    const auto mark = static_cast<unsigned char>(1 + random.next_below(255));
    std::memset(data, mark, size);
    live.push_back({data, size, mark});
    total += size;
    EXPECT_GE(range.used_bytes(), total);
  }
}

TEST(PageRange, FreeNeighboursBecomeOneBlock) {
  PageRange range(8 * kMiB, 0);
  void* a = range.allocate(3 * kMiB);
  void* b = range.allocate(3 * kMiB);
  void* c = range.allocate(2 * kMiB);
  EXPECT_EQ(range.allocate(1), nullptr);
  range.free(a);
  range.free(c);
  EXPECT_EQ(range.allocate(4 * kMiB), nullptr);
  range.free(b);
  EXPECT_NE(range.allocate(8 * kMiB), nullptr);
}

TEST(PageRange, FreeingWhatIsNotLiveIsACheckedMistake) {
  PageRange range(8 * kMiB, 0);
  void* a = range.allocate(kMiB);
  range.free(a);
  EXPECT_THROW(range.free(a), core::ContractViolation);
}

}  // namespace
}  // namespace llm::tensor
