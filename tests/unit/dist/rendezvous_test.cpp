// Oracle: every rank sees the same ranks and the same store; a second process for what is private.
#include "llm/dist/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "dist/address.h"
#include "dist/rendezvous_note.h"
#include "llm/dist/start_up.h"
#include "support/error_text.h"
#include "support/ranks.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Meets with four ranks and checks that a word from each reaches all.
void meet_and_talk(const LaunchEnvironment& launch, const RendezvousOptions& options) {
  Rendezvous rendezvous = meet(launch, options);
  ASSERT_EQ(rendezvous.peers.size(), static_cast<size_t>(launch.world_size));
  for (int rank = 0; rank < launch.world_size; ++rank) {
    const Peer& peer = rendezvous.peers[static_cast<size_t>(rank)];
    EXPECT_EQ(peer.rank, rank);
    EXPECT_EQ(peer.host, host_name());
    EXPECT_EQ(peer.pid, ::getpid());
  }
  rendezvous.store.set(fmt::format("word/{}", launch.rank), fmt::format("from {}", launch.rank));
  for (int rank = 0; rank < launch.world_size; ++rank) {
    EXPECT_EQ(rendezvous.store.wait_for(fmt::format("word/{}", rank), milliseconds(60000)),
              fmt::format("from {}", rank));
  }
  // Rank 0 holds the store: it leaves last.
  rendezvous.store.add("done", 1);
  while (launch.rank == 0 && rendezvous.store.add("done", 0) < launch.world_size) {
    std::this_thread::sleep_for(milliseconds(5));
  }
}

int free_port() { return LoopbackListener().port(); }

TEST(RendezvousTest, MeetsOnOneHostWithoutAnAddress) {
  const test::TempDirectory notes;
  const std::string job = test::fresh_job();
  const test::Errors errors = test::on_threads(4, [&](int rank) {
    meet_and_talk(test::local_rank(rank, 4, job), {.note_directory = notes.path()});
  });
  EXPECT_EQ(errors, test::no_errors(4));
  EXPECT_TRUE(std::filesystem::is_empty(notes.path()));
}

TEST(RendezvousTest, MeetsAtANamedPlace) {
  for (const char* host : {"127.0.0.1", "localhost", "[::1]"}) {
    const RendezvousOptions options{.address = fmt::format("{}:{}", host, free_port())};
    if (host[0] == '[' && !own_address_towards({"::1", 1})) continue;  // a machine without IPv6
    const test::Errors errors = test::on_threads(
        3, [&](int rank) { meet_and_talk(test::local_rank(rank, 3, ""), options); });
    EXPECT_EQ(errors, test::no_errors(3)) << host;
  }
}

TEST(RendezvousTest, MeetsWhereTheLauncherSays) {
  const HostPort place{"127.0.0.1", free_port()};
  const test::Errors errors = test::on_threads(2, [&](int rank) {
    LaunchEnvironment launch = test::local_rank(rank, 2, "");
    launch.rendezvous = place;
    meet_and_talk(launch, {});
  });
  EXPECT_EQ(errors, test::no_errors(2));
}

// torchrun's agent serves the store and keeps it over restarts.
TEST(RendezvousTest, UsesAStoreThatIsServedAlready) {
  c10d::TCPStoreOptions serving;
  serving.port = 0;
  serving.isServer = true;
  serving.waitWorkers = false;
  const auto agent = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", serving);
  for (int restart = 0; restart < 2; ++restart) {
    const test::Errors errors = test::on_threads(2, [&](int rank) {
      LaunchEnvironment launch = test::local_rank(rank, 2, "run");
      launch.rendezvous = {"127.0.0.1", agent->getPort()};
      launch.is_store_served = true;
      launch.restart = restart;
      meet_and_talk(launch, {});
    });
    EXPECT_EQ(errors, test::no_errors(2));
  }
}

TEST(RendezvousTest, AsksForAnAddressBetweenHosts) {
  LaunchEnvironment launch = test::local_rank(0, 4, "");
  launch.local_world_size = 2;
  launch.launcher = "Open MPI";
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { meet(launch, {}); }),
              AllOf(HasSubstr("rendezvous of 4 ranks started by Open MPI"),
                    HasSubstr("Add --rendezvous HOST:PORT")));
}

TEST(RendezvousTest, NamesAPortInUse) {
  const LoopbackListener taken;
  const std::string address = fmt::format("127.0.0.1:{}", taken.port());
  EXPECT_THAT(test::error_text<core::DistError>([&] {
                meet(test::local_rank(0, 2, ""),
                     {.address = address, .timeout = milliseconds(300)});
              }),
              AllOf(HasSubstr("to serve the store at " + address), HasSubstr("in use")));
}

TEST(RendezvousTest, NamesAStoreThatDoesNotAnswer) {
  const std::string address = fmt::format("127.0.0.1:{}", free_port());
  EXPECT_THAT(test::error_text<core::DistError>([&] {
                meet(test::local_rank(1, 2, ""),
                     {.address = address, .timeout = milliseconds(300)});
              }),
              AllOf(HasSubstr("rank 1 of 2"),
                    HasSubstr("expected the store at " + address + " within 0.3 s")));
}

TEST(StoreTest, CountsAndForgetsNothing) {
  const test::TempDirectory notes;
  const std::string job = test::fresh_job();
  const test::Errors errors = test::on_threads(2, [&](int rank) {
    Rendezvous rendezvous = meet(test::local_rank(rank, 2, job), {.note_directory = notes.path()});
    Store store = rendezvous.store.clone();
    EXPECT_EQ(store.get("nothing"), std::nullopt);
    store.set("empty", "");
    EXPECT_EQ(store.get("empty"), "");
    EXPECT_THROW(store.wait_for("nothing", milliseconds(20)), core::DistError);
    for (int i = 0; i < 100; ++i) store.add("count", 1);
    while (store.add("count", 0) < 200) std::this_thread::sleep_for(milliseconds(2));
    store.add("done", 1);
    while (rank == 0 && store.add("done", 0) < 2) {
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  EXPECT_EQ(errors, test::no_errors(2));
}

class NoteTest : public ::testing::Test {
 protected:
  std::string refusal(const std::string& key = "job.0") const {
    return test::error_text<core::DistError>([&] { read_note(path_, key, milliseconds(20)); });
  }
  test::TempDirectory directory_;
  std::filesystem::path path_ = note_path(directory_.path(), "job.0");
};

TEST_F(NoteTest, IsPrivateAndGoesAway) {
  {
    const RendezvousNote note(path_, 4711, "job.0");
    EXPECT_EQ(read_note(path_, "job.0", milliseconds(20)), 4711);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  EXPECT_THAT(refusal(), HasSubstr("no note of it at " + path_.string()));
}

TEST_F(NoteTest, OfAnotherLaunchIsNotTaken) {
  const RendezvousNote note(path_, 4711, "job.1");
  EXPECT_NE(refusal("job.0"), "no exception");
  EXPECT_EQ(refusal("job.1"), "no exception");
}

TEST_F(NoteTest, OfADeadWriterIsNotTaken) {
  const RendezvousNote note(path_, 4711, "job.0");
  std::string text = test::read_bytes(path_);
  const std::string pid = std::to_string(::getpid());
  // The same process id, started at another time; then one that nobody has.
  const std::string restarted = fmt::format("4711 {} 1 job.0\n", pid),
                    dead = "4711 4194399 1 job.0\n";
  for (const std::string& changed : {restarted, dead, std::string("4711"), std::string()}) {
    std::ofstream(path_) << changed;
    EXPECT_NE(refusal(), "no exception") << changed;
  }
  std::ofstream(path_) << text;
  EXPECT_EQ(refusal(), "no exception");
}

TEST_F(NoteTest, OfAnotherUserIsNotTaken) {
  const RendezvousNote note(path_, 4711, "job.0");
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  EXPECT_NE(refusal(), "no exception");
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  const std::filesystem::path link = note_path(directory_.path(), "link");
  std::filesystem::create_symlink(path_, link);
  EXPECT_NE(test::error_text<core::DistError>([&] { read_note(link, "job.0", milliseconds(20)); }),
            "no exception");
}

TEST_F(NoteTest, ReplacesAnOldOneAndNeverFollowsALink) {
  const std::filesystem::path victim = directory_.file("victim", "precious");
  std::filesystem::create_symlink(victim, path_);
  const RendezvousNote note(path_, 4711, "job.0");
  EXPECT_EQ(refusal(), "no exception");
  EXPECT_EQ(test::read_bytes(victim), "precious");
}

TEST_F(NoteTest, CannotBeWrittenIsAnError) {
  EXPECT_THAT(test::error_text<core::DistError>(
                  [] { RendezvousNote note("/nowhere/at/all/note", 1, "job.0"); }),
              AllOf(HasSubstr("/nowhere/at/all/note"), HasSubstr("No such file or directory"),
                    HasSubstr("TMPDIR")));
}

TEST(JobKey, TellsLaunchesApart) {
  LaunchEnvironment launch;
  launch.job = "slurm-12.0";
  launch.restart = 3;
  EXPECT_EQ(job_key(launch), "slurm-12.0.3");
  launch.job = "";
  EXPECT_THAT(job_key(launch), ::testing::MatchesRegex("process-[0-9]+\\.3"));
  EXPECT_EQ(note_path("/tmp", "a/b@1.0"),
            fmt::format("/tmp/llmtrain-{}-a-b-1.0.rank0", ::geteuid()));
}

TEST(OwnAddress, IsTheOneTheOtherSideSees) {
  EXPECT_EQ(own_address_towards({"127.0.0.1", 80}), "127.0.0.1");
  EXPECT_EQ(own_address_towards({"no-such-host.invalid", 80}), std::nullopt);
  EXPECT_TRUE(is_loopback("127.0.1.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
}

}  // namespace
}  // namespace llm::dist
