// Oracle: tables by hand; folders that are and are not the same.
#include "llm/dist/start_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "dist/packed_strings.h"
#include "support/error_text.h"
#include "support/ranks.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Group = std::unique_ptr<ProcessGroup>;

RankInfo info_of(int rank) {
  return {.rank = rank,
          .host = fmt::format("node-{}", rank / 2),
          .pid = 100 + rank,
          .local_rank = rank % 2,
          .device = "cpu",
          .num_threads = 3,
          .version = "0.1.0",
          .binary = "b1",
          .config = "c1",
          .tokenizer = "t1"};
}

std::vector<RankInfo> infos_of(int count) {
  std::vector<RankInfo> infos;
  for (int rank = 0; rank < count; ++rank) infos.push_back(info_of(rank));
  return infos;
}

std::string refusal(const std::vector<RankInfo>& infos) {
  return test::error_text<core::DistError>([&] { require_equal(infos); });
}

TEST(StartUpTable, IsTheSameOnEveryRank) {
  for (const int world_size : {1, 3}) {
    const test::Errors errors = test::run_ranks(world_size, [&](Group& group, int rank) {
      const std::vector<RankInfo> infos = gather_rank_infos(*group, info_of(rank));
      ASSERT_EQ(infos.size(), static_cast<size_t>(world_size));
      for (const RankInfo& info : infos) {
        const RankInfo expected = info_of(info.rank);
        EXPECT_EQ(info.name(), expected.name());
        EXPECT_EQ(info.pid, expected.pid);
        EXPECT_EQ(info.local_rank, expected.local_rank);
        EXPECT_EQ(info.device, expected.device);
        EXPECT_EQ(info.num_threads, expected.num_threads);
        EXPECT_EQ(info.version, expected.version);
        EXPECT_EQ(info.binary, expected.binary);
        EXPECT_EQ(info.config, expected.config);
        EXPECT_EQ(info.tokenizer, expected.tokenizer);
      }
    });
    EXPECT_EQ(errors, test::no_errors(world_size));
  }
}

TEST(RequireEqual, NamesTheRanksThatDiffer) {
  std::vector<RankInfo> infos = infos_of(4);
  EXPECT_EQ(refusal(infos), "no exception");
  infos[2].config = "c2";
  EXPECT_THAT(refusal(infos), HasSubstr("config of the ranks: expected c1 on all 4 ranks, got rank "
                                        "2 (node-1): config c2. Start every rank with the same"));
  infos[0].config = "c3";
  EXPECT_THAT(refusal(infos), HasSubstr("got rank 0 (node-0): config c3, rank 2 (node-1): config "
                                        "c2"));
}

TEST(RequireEqual, ComparesEachOfFour) {
  for (const auto& [field, name] :
       {std::pair{&RankInfo::version, "version"}, std::pair{&RankInfo::binary, "binary"},
        std::pair{&RankInfo::config, "config"}, std::pair{&RankInfo::tokenizer, "tokenizer"}}) {
    std::vector<RankInfo> infos = infos_of(2);
    infos[1].*field = "else";
    EXPECT_THAT(refusal(infos), AllOf(HasSubstr(std::string(name) + " of the ranks"),
                                      HasSubstr("rank 1 (node-0): " + std::string(name) + " else"),
                                      Not(HasSubstr("rank 0 ("))));
  }
}

TEST(ThreadShareTest, DividesTheCoresAmongThoseWhoShareThem) {
  const CoreMask low{0, 1, 2, 3}, high{4, 5, 6, 7}, all{0, 1, 2, 3, 4, 5, 6, 7}, one{0};
  const auto threads = [](const std::vector<CoreMask>& masks, int index) {
    return thread_share(masks, index).num_threads;
  };
  EXPECT_EQ(threads({all}, 0), 8);
  EXPECT_EQ(threads({low, high}, 0), 4);
  EXPECT_EQ(threads({all, all}, 1), 4);
  EXPECT_EQ(threads({all, all, all}, 1), 2);
  EXPECT_EQ(threads({low, low, high}, 2), 4);
  EXPECT_EQ(threads({low, low, high}, 0), 2);
  EXPECT_EQ(threads({one, one, one}, 0), 1);
}

TEST(ThreadShareTest, NotesMoreRanksThanCores) {
  EXPECT_EQ(thread_share({{0, 1}, {0, 1}}, 0).note, "");
  EXPECT_EQ(thread_share({{0}, {1}, {2}}, 0).note, "");
  EXPECT_THAT(thread_share({{0, 1}, {0, 1}, {0, 1}}, 0).note,
              HasSubstr("3 ranks share 2 cores of this host"));
  EXPECT_THAT(thread_share({{0}, {0}}, 1).note,
              AllOf(HasSubstr("2 ranks share 1 core of"), HasSubstr("--bind-to none")));
}

TEST(ThreadShareTest, GathersTheMasksOfThisHost) {
  const int cores = static_cast<int>(own_core_mask().size());
  EXPECT_EQ(cores, static_cast<int>(std::thread::hardware_concurrency()));
  for (const int world_size : {1, 2}) {
    const test::Errors errors = test::run_ranks(world_size, [&](Group& group, int) {
      EXPECT_EQ(default_num_threads(*group).num_threads, std::max(1, cores / world_size));
    });
    EXPECT_EQ(errors, test::no_errors(world_size));
  }
}

TEST(SharedFolder, IsSeenByAllAndLeftEmpty) {
  const test::TempDirectory folder;
  for (const int world_size : {1, 3}) {
    const test::Errors errors = test::run_ranks(
        world_size, [&](Group& group, int) { require_shared_folder(*group, folder.path()); });
    EXPECT_EQ(errors, test::no_errors(world_size));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST(SharedFolder, NamesTheRanksThatSeeAnother) {
  const test::TempDirectory shared, other;
  const test::Errors errors = test::run_ranks(3, [&](Group& group, int rank) {
    require_shared_folder(*group, rank == 1 ? other.path() : shared.path(), milliseconds(60));
  });
  for (const std::string& error : errors) {
    EXPECT_THAT(error, HasSubstr(fmt::format("is not seen by rank 1 ({})", host_name())));
  }
  EXPECT_TRUE(std::filesystem::is_empty(shared.path()));
}

TEST(SharedFolder, OfRank0HasToBeThere) {
  const test::TempDirectory folder;
  const test::Errors errors = test::run_ranks(2, [&](Group& group, int) {
    require_shared_folder(*group, folder / "absent", milliseconds(60));
  });
  for (const std::string& error : errors) {
    EXPECT_THAT(error, AllOf(HasSubstr("expected a folder that rank 0 can write to"),
                             HasSubstr("No such file or directory")));
  }
}

TEST(PackedStrings, ComeBack) {
  const std::vector<std::string> texts{"", "a", std::string("\0\n,", 3), std::string(1000, 'x'),
                                       ""};
  EXPECT_EQ(unpack_strings(pack_strings(texts)), texts);
  EXPECT_EQ(unpack_strings(""), std::vector<std::string>{});
}

}  // namespace
}  // namespace llm::dist
