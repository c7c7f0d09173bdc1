// Oracle: the cases of a table that can be counted: who is lost, who tells, what came first.
#include "dist/peer_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dist/news.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = FirstCause::Kind;

constexpr milliseconds kLimit(1000);
const SteadyTime kStart{std::chrono::hours(1)};
SteadyTime after(int count) { return kStart + milliseconds(count); }

std::vector<Peer> four_peers() {
  std::vector<Peer> peers;
  for (int rank = 0; rank < 4; ++rank) peers.push_back({rank, "node-b", 100 + rank, "127.0.0.1"});
  return peers;
}
PeerTable table_of(int rank) { return {four_peers(), rank, kStart}; }

Position waiting(int64_t running) {
  return {.issued = running,
          .newest = "all_reduce of losses, step 12",
          .running = running,
          .running_name = "all_reduce of losses, step 12",
          .moved = kStart,
          .step = 12};
}

TEST(PeerTable, ARankThatGoesWithoutAWordIsLost) {
  PeerTable table = table_of(0);
  const auto cause = table.closed(2);
  ASSERT_TRUE(cause);
  EXPECT_EQ(cause->kind, Kind::kGone);
  EXPECT_EQ(cause->text, "rank 2 (node-b, process 102) ended without a word");
  table.excuse(1);
  EXPECT_FALSE(table.closed(1));
}

TEST(PeerTable, SilenceCountsFromTheLastWord) {
  PeerTable table = table_of(0);
  EXPECT_FALSE(table.find_silent(after(1000), kLimit));
  for (const int rank : {1, 2}) table.heard(rank, after(500));
  const auto cause = table.find_silent(after(1200), kLimit);
  ASSERT_TRUE(cause);
  EXPECT_EQ(cause->rank, 3);
  EXPECT_THAT(cause->text, AllOf(HasSubstr("rank 3 (node-b, process 103)"), HasSubstr("1.2 s")));
  table.excuse(3);
  EXPECT_FALSE(table.find_silent(after(1200), kLimit));
  EXPECT_TRUE(table.closed(2));
  EXPECT_EQ(table.find_silent(after(1600), kLimit)->rank, 1);
}

TEST(PeerTable, ThoseWhoHaveNotComeAreStuck) {
  PeerTable table = table_of(0);
  table.has_issued(1, 56, "barrier of start, step 11");
  table.has_issued(2, 58, "");
  table.has_issued(3, 57, "");
  EXPECT_FALSE(table.find_stuck(waiting(58), after(1000), kLimit));
  const auto cause = table.find_stuck(waiting(58), after(1100), kLimit);
  ASSERT_TRUE(cause);
  EXPECT_EQ(cause->kind, Kind::kStuck);
  EXPECT_THAT(cause->lost, ElementsAre(1, 3));
  EXPECT_EQ(cause->text,
            "rank 0 (node-b, process 100) has waited for 1.1 s in all_reduce of losses, step 12 "
            "(dist.timeout_seconds): ranks 1, 3 have not come to it; rank 1 (node-b, process 101) "
            "lives, and was last in barrier of start, step 11");
}

TEST(PeerTable, NobodyIsStuckOutsideOfStepsOrWithoutWaiting) {
  const PeerTable table = table_of(0);
  Position outside = waiting(58);
  outside.step = 0;
  EXPECT_FALSE(table.find_stuck(outside, after(5000), kLimit));
  EXPECT_FALSE(table.find_stuck({.issued = 3, .step = 12}, after(5000), kLimit));
}

TEST(PeerTable, WhereAllHaveComeTheWaitingRankSaysSo) {
  PeerTable table = table_of(2);
  for (const int rank : {0, 1, 3}) table.has_issued(rank, 58, "");
  const auto cause = table.find_stuck(waiting(58), after(1100), kLimit);
  ASSERT_TRUE(cause);
  EXPECT_EQ(cause->rank, 2);
  EXPECT_THAT(cause->text, HasSubstr("all ranks have come to it, and nothing arrives"));
}

TEST(PeerTable, TheLowestRankThatCanTellsTheUser) {
  PeerTable table = table_of(2);
  const FirstCause gone{.kind = Kind::kGone, .rank = 3, .lost = {3}};
  EXPECT_FALSE(table.is_told_here(gone, kStart, kLimit));
  EXPECT_TRUE(table.closed(0));
  EXPECT_FALSE(table.is_told_here(gone, kStart, kLimit));
  EXPECT_TRUE(table.is_told_here({.kind = Kind::kStuck, .rank = 1, .lost = {1}}, kStart, kLimit));
  EXPECT_TRUE(table.is_told_here(gone, after(1100), kLimit)) << "rank 1 is silent";
  EXPECT_FALSE(table.is_told_here({.kind = Kind::kStuck, .lost = {1, 2}}, kStart, kLimit));
  EXPECT_FALSE(table.is_told_here({.kind = Kind::kFailed, .rank = 3}, kStart, kLimit));
  EXPECT_TRUE(table.is_told_here({.kind = Kind::kFailed, .rank = 2}, kStart, kLimit));
}

TEST(News, OfFailuresTogetherTheLowestRankIsFirstElseTheEarliest) {
  const auto news = [](int rank, int at, Kind kind = Kind::kGone) {
    return News{{.kind = kind, .rank = rank}, after(at)};
  };
  EXPECT_TRUE(is_before(news(2, 0), news(1, 60)));
  EXPECT_FALSE(is_before(news(1, 60), news(2, 0)));
  EXPECT_TRUE(is_before(news(1, 40), news(2, 0)));
  EXPECT_FALSE(is_before(news(2, 0), news(1, 40)));
  EXPECT_TRUE(is_before(news(1, 90, Kind::kFailed), news(1, 0))) << "its own words say more";
  EXPECT_FALSE(is_before(news(1, 0), news(1, 90)));
}

TEST(News, TravelsWhole) {
  const News news{{.kind = Kind::kStuck, .rank = 7, .lost = {7, 9}, .text = "t", .exit_code = 3},
                  kStart};
  const News arrived = to_news(to_message(news, after(30)), after(1030));
  EXPECT_EQ(arrived.cause.kind, Kind::kStuck);
  EXPECT_EQ(arrived.cause.rank, 7);
  EXPECT_THAT(arrived.cause.lost, ElementsAre(7, 9));
  EXPECT_EQ(arrived.cause.text, "t");
  EXPECT_EQ(arrived.cause.exit_code, 3);
  EXPECT_EQ(arrived.since, after(1000));
}

}  // namespace
}  // namespace llm::dist
