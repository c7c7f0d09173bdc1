// Oracle: the same run without a fault: after each one the directory holds the checkpoint from
// before the save or the new one, whole, and the run that goes on ends with the same bytes.
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/hash.h"
#include "llm/io/manifest.h"
#include "support/forked.h"
#include "support/prepared_run.h"
#include "support/ranks.h"
#include "support/tune_runs.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Fingerprints = std::map<std::string, std::string>;

constexpr int kDied = 71;

struct HookOff {
  ~HookOff() { io::set_fault_hook({}); }
};

// Of a valid checkpoint; without state.json, which holds times.
Fingerprints fingerprints(const io::Checkpoint& checkpoint) {
  EXPECT_TRUE(io::has_valid_manifest(checkpoint.directory, /*check_hashes=*/true))
      << checkpoint.directory;
  Fingerprints found;
  for (const auto& [name, entry] : io::read_manifest(checkpoint.directory)) {
    if (name != "trainer/state.json") found[name] = io::hex64(entry.xxh3);
  }
  return found;
}

Fingerprints newest_fingerprints(const fs::path& run_directory) {
  const auto newest = CheckpointFolder(run_directory).newest();
  return newest ? fingerprints(*newest) : Fingerprints{};
}

int64_t newest_step(const fs::path& run_directory) {
  const auto newest = CheckpointFolder(run_directory).newest();
  return newest ? newest->step : 0;
}

// What a death or an error in the middle of a save may leave.
void expect_old_or_new(const fs::path& run_directory, int64_t old_step, int64_t new_step) {
  const CheckpointFolder folder(run_directory);
  EXPECT_TRUE(folder.damaged().empty()) << folder.damaged().front();
  const int64_t step = newest_step(run_directory);
  EXPECT_TRUE(step == old_step || step == new_step) << step;
  for (const io::Checkpoint& checkpoint : folder.list()) fingerprints(checkpoint);
}

// A run directory that is set back to what it was before the save.
class RepeatedSave {
 public:
  RepeatedSave(fs::path run_directory, const fs::path& folder)
      : run_directory_(std::move(run_directory)), before_(folder / "before") {
    if (fs::exists(run_directory_)) fs::copy(run_directory_, before_, fs::copy_options::recursive);
    old_step_ = newest_step(run_directory_);
  }

  void set_back() const {
    fs::remove_all(run_directory_);
    if (fs::exists(before_)) fs::copy(before_, run_directory_, fs::copy_options::recursive);
  }
  void expect_old_or_new(int64_t new_step) const {
    train::expect_old_or_new(run_directory_, old_step_, new_step);
  }
  const fs::path& run_directory() const { return run_directory_; }
  // Of the checkpoints, those under way too.
  std::set<std::string> names() const {
    std::set<std::string> found;
    if (!io::is_run_directory(run_directory_)) return found;
    for (const auto& entry : fs::directory_iterator(run_directory_ / "checkpoints"))
      found.insert(entry.path().filename());
    return found;
  }

 private:
  fs::path run_directory_;
  fs::path before_;
  int64_t old_step_ = 0;
};

// Ends the process in place of the operation with that number.
void die_at(uint64_t number) {
  io::set_fault_hook([number](const io::FileOperation& operation) {
    if (operation.number == number) ::_exit(kDied);
    return 0;
  });
}

// Runs it once for each operation, where the process dies, and then once more to the end: after
// every `resume_every`th death, and where a death leaves other names behind than the one before.
// Prints how many operations there were. `run(at)` is a whole run in processes of its own that
// dies before operation `at`, if any; it returns kDied, or 0 at the end.
void die_at_every_operation(const RepeatedSave& save, uint64_t resume_every,
                            const std::function<int(std::optional<uint64_t> at)>& run) {
  ASSERT_EQ(run({}), 0);
  const Fingerprints expected = newest_fingerprints(save.run_directory());
  const int64_t new_step = newest_step(save.run_directory());
  std::set<std::string> names;
  for (uint64_t at = 0;; ++at) {
    SCOPED_TRACE(fmt::format("operation {}", at));
    save.set_back();
    const int code = run(at);
    if (code == 0) {
      fmt::print("{} operations\n", at);
      return;
    }
    ASSERT_EQ(code, kDied);
    save.expect_old_or_new(new_step);
    const bool is_new = std::exchange(names, save.names()) != names;
    if (is_new || at % resume_every == 0) {
      ASSERT_EQ(run({}), 0);
      EXPECT_EQ(newest_fingerprints(save.run_directory()), expected);
    }
    if (testing::Test::HasFailure()) return;
  }
}

// Steps enough for a save at the end; the rate does not depend on how many there are.
void use_few_steps(test::PreparedRun& run, int64_t steps) {
  run.config.train.max_steps = steps;
  run.config.optim.schedule.type = optim::ScheduleType::kConstant;
  run.config.checkpoint.every_steps = 1;
  run.config.checkpoint.keep_last = 1;
  run.config.checkpoint.keep_best = false;
  run.config.log.every_steps = 1;
}

int train_forked(test::PreparedRun& run, std::optional<uint64_t> at) {
  return test::run_forked([&] {
    at::set_num_threads(1);
    if (at) die_at(*at);
    run.train();
  });
}

// A run on two ranks, each a process of its own, one of which dies.
int train_on_two_ranks(test::PreparedRun& run, int dying_rank, std::optional<uint64_t> at) {
  const test::TempDirectory notes;
  const std::string job = test::fresh_job();
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    ranks.push_back(test::start_forked([&, rank] {
      at::set_num_threads(1);
      run.options.group = dist::make_process_group(
          dist::meet(test::local_rank(rank, 2, job), {.note_directory = notes.path()}), {});
      if (at && rank == dying_rank) die_at(*at);
      run.train();
    }));
  }
  std::vector<int> codes;
  for (const pid_t pid : ranks) codes.push_back(test::wait_forked(pid));
  const int code = codes[static_cast<size_t>(dying_rank)];
  const int other = codes[static_cast<size_t>(1 - dying_rank)];
  // Whoever waits for a dead one ends with an error, unless all was done.
  EXPECT_TRUE(other == 0 || (code == kDied && other == test::kBodyFailed)) << other;
  return code;
}

TEST(SaveFaultsProcess, DISABLED_FirstSave) {
  test::PreparedRun run;
  use_few_steps(run, 1);
  const RepeatedSave save(run.options.run_directory, run.folder.path());
  die_at_every_operation(save, 4, [&](auto at) { return train_forked(run, at); });
}

TEST(SaveFaultsProcess, DISABLED_LaterSave) {
  test::PreparedRun run;
  use_few_steps(run, 1);
  ASSERT_EQ(train_forked(run, {}), 0);
  run.config.train.max_steps = 2;
  const RepeatedSave save(run.options.run_directory, run.folder.path());
  die_at_every_operation(save, 4, [&](auto at) { return train_forked(run, at); });
}

class SaveFaultsRanks : public testing::TestWithParam<int> {};

TEST_P(SaveFaultsRanks, DISABLED_Sharded) {
  test::PreparedRun run;
  use_few_steps(run, 1);
  run.config.dist.zero = 1;
  const RepeatedSave save(run.options.run_directory, run.folder.path());
  die_at_every_operation(save, 8, [&](auto at) { return train_on_two_ranks(run, GetParam(), at); });
}
INSTANTIATE_TEST_SUITE_P(Process, SaveFaultsRanks, testing::Values(0, 1));

class SaveFaultsTuning : public TuneRuns {};

TEST_F(SaveFaultsTuning, DISABLED_Adapter) {
  auto settings = config<SftConfig>();
  settings.data.validation.clear();
  settings.train.max_steps = 1;
  settings.checkpoint.every_steps = 1;
  const auto run = [&](std::optional<uint64_t> at) {
    return test::run_forked([&] {
      at::set_num_threads(1);
      if (at) die_at(*at);
      train(settings, "run");
    });
  };
  // The prepared rows are there: this is about the save.
  ASSERT_EQ(run({}), 0);
  fs::remove_all(folder_.path() / "run/checkpoints");
  const RepeatedSave save(folder_.path() / "run", folder_.path());
  die_at_every_operation(save, 16, run);
}

// Each in a process of its own, which may fork because it has no threads yet.
void expect_survives_every_death(const std::string& test, int at_least) {
  const test::TempDirectory folder;
  const test::Outcome outcome = test::run_in_fresh_process(folder.path(), test);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const size_t end = outcome.out.find(" operations");
  ASSERT_NE(end, std::string::npos) << outcome.out << outcome.err;
  const size_t begin = outcome.out.find_last_of('\n', end) + 1;
  EXPECT_GT(std::stoi(outcome.out.substr(begin, end - begin)), at_least);
}

TEST(SaveFaults, ADeathAtAnyOperationOfTheFirstSaveLosesNothing) {
  expect_survives_every_death("SaveFaultsProcess.DISABLED_FirstSave", 50);
}

TEST(SaveFaults, ADeathAtAnyOperationOfALaterSaveLosesNothing) {
  expect_survives_every_death("SaveFaultsProcess.DISABLED_LaterSave", 60);
}

TEST(SaveFaults, ADeathAtAnyOperationOfAnAdaptersSaveLosesNothing) {
  expect_survives_every_death("SaveFaultsTuning.DISABLED_Adapter", 50);
}

TEST(SaveFaults, ADeathOfTheFirstOfTwoRanksAtAnyOperationLosesNothing) {
  expect_survives_every_death("Process/SaveFaultsRanks.DISABLED_Sharded/0", 50);
}

TEST(SaveFaults, ADeathOfTheSecondOfTwoRanksAtAnyOperationLosesNothing) {
  expect_survives_every_death("Process/SaveFaultsRanks.DISABLED_Sharded/1", 10);
}

// A run that has a checkpoint of step 1, and goes on to that of step 2.
class SaveErrors : public testing::Test {
 protected:
  SaveErrors() {
    use_few_steps(run_, 1);
    run_.train();
    use_few_steps(run_, 2);
    save_.emplace(run_.options.run_directory, run_.folder.path());
    run_.train();
    expected_ = newest_fingerprints(run_.options.run_directory);
    save_->set_back();
  }

  // Whether the run ended with an error, which then is a typed one that names a file.
  bool fails(int error_number) {
    try {
      run_.train();
      return false;
    } catch (const core::IoError& error) {
      EXPECT_EQ(error.error_number(), error_number) << error.what();
      EXPECT_THAT(error.info().where, HasSubstr(run_.folder.path().string()));
      return true;
    }
  }

  void expect_goes_on() {
    save_->expect_old_or_new(2);
    run_.train();
    EXPECT_EQ(newest_fingerprints(run_.options.run_directory), expected_);
    save_->set_back();
  }

  HookOff hook_off_;
  test::FoldersInMemory in_memory_;
  test::PreparedRun run_;
  std::optional<RepeatedSave> save_;
  Fingerprints expected_;
};

TEST_F(SaveErrors, AnErrorOfAnyOperationLeavesTheOlderCheckpointOrTheNewOne) {
  const std::vector<int> errors{ENOSPC, EIO, EROFS, EDQUOT};
  std::set<io::FileAction> refused;
  int failures = 0;
  for (uint64_t at = 0;; ++at) {
    SCOPED_TRACE(fmt::format("operation {}", at));
    const int error = errors[at % errors.size()];
    bool was_reached = false;
    io::set_fault_hook([&](const io::FileOperation& operation) {
      if (operation.number != at) return 0;
      was_reached = true;
      refused.insert(operation.action);
      return error;
    });
    failures += fails(error) ? 1 : 0;
    io::set_fault_hook({});
    if (!was_reached) break;
    if (at % 4 == 0) {
      expect_goes_on();
    } else {
      save_->expect_old_or_new(2);
      save_->set_back();
    }
  }
  EXPECT_GT(failures, 60);
  EXPECT_EQ(refused.size(), 9u);  // every kind but the exchange of two names
}

// From some operation on nothing works any more: not even the removal of what the save began.
TEST_F(SaveErrors, ADiskThatStaysReadOnlyLeavesWhatItHad) {
  int failures = 0;
  for (uint64_t from = 0;; from += 5) {
    SCOPED_TRACE(fmt::format("from operation {}", from));
    bool was_reached = false;
    io::set_fault_hook([&](const io::FileOperation& operation) {
      was_reached |= operation.number >= from;
      return operation.number >= from ? EROFS : 0;
    });
    failures += fails(EROFS) ? 1 : 0;
    io::set_fault_hook({});
    if (!was_reached) break;
    expect_goes_on();
  }
  EXPECT_GT(failures, 10);
}

TEST_F(SaveErrors, TheErrorSaysWhatToDo) {
  io::set_fault_hook([](const io::FileOperation& operation) {
    return operation.action == io::FileAction::kWrite ? ENOSPC : 0;
  });
  try {
    run_.train();
    FAIL() << "no error";
  } catch (const core::IoError& error) {
    EXPECT_THAT(error.what(), HasSubstr("No space left on device. Free some space there"));
    EXPECT_THAT(run_.log(), HasSubstr("No space left on device"));
  }
}

TEST_F(SaveErrors, ASlowDiskChangesNothing) {
  io::set_fault_hook([](const io::FileOperation&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return 0;
  });
  run_.train();
  EXPECT_EQ(newest_fingerprints(run_.options.run_directory), expected_);
}

}  // namespace
}  // namespace llm::train
