// Oracle: what a person has to read when a rank fails: which operation, on which rank, and who does
// not answer.
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "llm/dist/process_group.h"
#include "support/live_ranks.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using test::Gate;
using test::run_ranks;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Group = std::unique_ptr<ProcessGroup>;

constexpr milliseconds kForever = std::chrono::minutes(5);  // a test that waits for it has failed

GroupOptions time_limit(milliseconds timeout) { return {.timeout = timeout}; }

Call bucket() { return {Payload::kGradient, "gradient bucket 3 of step 12"}; }

TEST(Failures, ADeadRankEndsTheOthersOperation) {
  const test::Errors errors = run_ranks(
      3,
      [](Group& group, int rank) {
        group->barrier("start");
        if (rank == 2) return group.reset();
        group->all_reduce(at::zeros({100000}), bucket());
      },
      time_limit(kForever));
  EXPECT_EQ(errors[2], "");
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_THAT(
        errors[static_cast<size_t>(rank)],
        AllOf(
            HasSubstr("all_reduce of gradient bucket 3 of step 12 on rank " + std::to_string(rank)),
            HasSubstr("expected an answer from every rank"), HasSubstr("does not answer")));
  }
}

TEST(Failures, ASilentRankIsNamedAtTheTimeLimit) {
  Gate end(2);
  const test::Errors errors = run_ranks(
      2,
      [&](Group& group, int rank) {
        group->barrier("start");
        if (rank == 1) return end.arrive_and_wait();
        const auto work = group->reduce_scatter_async(at::zeros({100}), bucket());
        try {
          work->wait();
        } catch (const core::DistError&) {
          end.arrive_and_wait();
          throw;
        }
        end.arrive_and_wait();
      },
      time_limit(milliseconds(300)));
  EXPECT_THAT(errors[0], AllOf(HasSubstr("reduce_scatter of gradient bucket 3"),
                               HasSubstr("got nothing from rank 1 ("), HasSubstr("within 0.3 s")));
  EXPECT_EQ(errors[1], "");
}

TEST(Failures, ABrokenGroupStaysBroken) {
  const test::Errors errors = run_ranks(
      2,
      [](Group& group, int rank) {
        group->barrier("start");
        if (rank == 1) return group.reset();
        EXPECT_THROW(group->all_reduce(at::zeros({5}), bucket()), core::DistError);
        const int64_t sent = group->traffic().gradient.bytes_sent;
        const auto later = group->all_gather_async(at::zeros({5}), {Payload::kParameter, "later"});
        EXPECT_THROW(later->wait(), core::DistError);
        EXPECT_THROW(later->wait(), core::DistError);
        EXPECT_EQ(group->traffic().gradient.bytes_sent, sent);
        group->barrier("last");
      },
      time_limit(kForever));
  EXPECT_THAT(errors[0], HasSubstr("all_reduce of gradient bucket 3"));
}

TEST(Failures, FailEndsAWaitFromAnotherThread) {
  Gate end(2);
  const test::Errors errors = run_ranks(
      2,
      [&](Group& group, int rank) {
        if (rank == 1) return end.arrive_and_wait();
        const auto work = group->all_reduce_async(at::zeros({5}), bucket());
        std::this_thread::sleep_for(milliseconds(50));  // the operation waits by then
        std::thread watch([&] { group->fail("rank 1 (node-b, process 7) was killed"); });
        watch.join();
        EXPECT_THROW(work->wait(), core::DistError);
        group->fail("another reason");
        end.arrive_and_wait();
        work->wait();
      },
      time_limit(kForever));
  EXPECT_THAT(errors[0], HasSubstr("got rank 1 (node-b, process 7) was killed"));
}

// Nobody ever answers these; whoever waits is told.
TEST(Failures, AGroupThatEndsFailsWhatIsUnderWay) {
  Gate end(2);
  const test::Errors errors = run_ranks(
      2,
      [&](Group& group, int rank) {
        if (rank == 1) return end.arrive_and_wait();
        const auto running = group->all_reduce_async(at::zeros({5}), bucket());
        const auto queued = group->all_reduce_async(at::zeros({5}), bucket());
        group.reset();
        end.arrive_and_wait();
        EXPECT_TRUE(queued->is_done());
        EXPECT_THROW(queued->wait(), core::DistError);
        running->wait();
      },
      time_limit(kForever));
  EXPECT_THAT(errors[0], HasSubstr("got the group was destroyed"));
}

TEST(Failures, ARankThatNeverComesIsNamed) {
  const test::TempDirectory notes;
  const std::string job = test::fresh_job();
  const test::Errors errors = test::on_threads(2, [&](int rank) {
    meet(test::local_rank(rank, 4, job),
         {.timeout = milliseconds(400), .note_directory = notes.path()});
  });
  for (const std::string& error : errors) {
    EXPECT_THAT(error, AllOf(HasSubstr("rendezvous of 4 ranks"), HasSubstr("ranks 2, 3")));
  }
  EXPECT_TRUE(std::filesystem::is_empty(notes.path()));
}

TEST(Failures, WithoutRank0NobodyMeets) {
  const test::TempDirectory notes;
  const test::Errors errors = test::on_threads(1, [&](int) {
    meet(test::local_rank(1, 2, test::fresh_job()),
         {.timeout = milliseconds(100), .note_directory = notes.path()});
  });
  EXPECT_THAT(errors[0], AllOf(HasSubstr("expected rank 0 on this host within 0.1 s"),
                               HasSubstr("--rendezvous HOST:PORT")));
}

// A rank that met the others but never joins the group.
TEST(Failures, AGroupWithoutAllItsRanksIsRefused) {
  const test::TempDirectory notes;
  const std::string job = test::fresh_job();
  Gate end(2);
  const test::Errors errors = test::on_threads(2, [&](int rank) {
    const Rendezvous rendezvous =
        meet(test::local_rank(rank, 2, job), {.note_directory = notes.path()});
    if (rank == 1) return end.arrive_and_wait();
    try {
      make_process_group(rendezvous, time_limit(milliseconds(300)));
    } catch (const core::DistError&) {
      end.arrive_and_wait();
      throw;
    }
    end.arrive_and_wait();
  });
  EXPECT_THAT(errors[0], HasSubstr("expected a connection to every other rank"));
}

TEST(Failures, AGpuIsRefusedWithoutCuda) {
  if (at::hasCUDA()) GTEST_SKIP() << "skipped: this build has CUDA";
  const test::Errors errors =
      run_ranks(2, [](Group&, int) {}, {.device = at::Device(at::kCUDA, 0)});
  for (const std::string& error : errors) {
    EXPECT_THAT(error, HasSubstr("another exception: --device: expected cpu, got cuda:0"));
  }
}

}  // namespace
}  // namespace llm::dist
