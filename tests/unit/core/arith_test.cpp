// Oracle: hand-computed values.
#include "llm/core/arith.h"

#include <gtest/gtest.h>

namespace llm::core {
namespace {

TEST(Arith, DivExactKeepsWholeQuotients) {
  EXPECT_EQ(div_exact<int64_t>(3840, 30), 128);
  EXPECT_THROW(div_exact<int64_t>(3840, 28), ContractViolation);
}

TEST(Arith, RoundUpReachesTheNextMultiple) {
  EXPECT_EQ(round_up(0, 64), 0);
  EXPECT_EQ(round_up(1, 64), 64);
  EXPECT_EQ(round_up(64, 64), 64);
}

TEST(Arith, NarrowRefusesToChangeAValue) {
  EXPECT_EQ(narrow<uint16_t>(65535), 65535);
  EXPECT_THROW(narrow<uint16_t>(65536), ContractViolation);
  EXPECT_THROW(narrow<uint32_t>(-1), ContractViolation);
}

}  // namespace
}  // namespace llm::core
