// Oracle: sums that can be done by hand.
#include "train/rank_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/ranks.h"

namespace llm::train {
namespace {

TEST(RankExchange, ALossThatIsNoNumberIsTracedToItsRank) {
  test::train_on_ranks(3, [](const std::shared_ptr<dist::ProcessGroup>& group) {
    const StepShare finite = join_shares(*group, {.loss = 1.5, .tokens = 4});
    EXPECT_EQ(finite.loss, 4.5);
    EXPECT_EQ(finite.tokens, 12);
    EXPECT_EQ(origin_text(finite), "");

    const double nan = std::numeric_limits<double>::quiet_NaN();
    const StepShare joined =
        join_shares(*group, {.loss = group->rank() == 1 ? nan : 1.5, .tokens = 4});
    EXPECT_THAT(joined.loss, testing::IsNan());
    EXPECT_EQ(origin_text(joined), ", from rank 1");
  });
}

TEST(RankExchange, OneProcessIsNotNamed) {
  const auto group = dist::make_local_group();
  EXPECT_EQ(origin_text(join_shares(*group, {.loss = std::numeric_limits<double>::infinity()})),
            "");
}

}  // namespace
}  // namespace llm::train
