// Oracle: the checkpoints of the undisturbed run, byte for byte. The model of the file system
// stands in tests/support/power_loss.h.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "llm/io/fault_hook.h"
#include "llm/io/hash.h"
#include "llm/io/manifest.h"
#include "support/power_loss.h"
#include "support/prepared_run.h"
#include "support/ranks.h"
#include "support/tiny_run.h"
#include "support/tune_runs.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;

using Hashes = std::map<std::string, std::string>;  // by file; without state.json, with its times

Hashes hashes_of(const fs::path& checkpoint) {
  Hashes hashes;
  for (const auto& [name, entry] : io::read_manifest(checkpoint)) {
    if (name != "trainer/state.json") hashes[name] = io::hex64(entry.xxh3);
  }
  return hashes;
}

// The operations of whatever happens until stop(), below one folder.
class Recording {
 public:
  explicit Recording(const fs::path& root) : log_(root) {
    io::set_fault_hook([this](const io::FileOperation& operation) {
      // The rename and one flush end a save: what was saved is sure from the next operation on.
      const int64_t step = io::checkpoint_step(operation.target.filename().string());
      if (step >= 0 && operation.path.extension() == ".partial") sure_from_[log_.size() + 2] = step;
      log_.record(operation);
      return 0;
    });
  }
  ~Recording() { stop(); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void stop() { io::set_fault_hook({}); }
  const test::PowerLossLog& log() const { return log_; }
  // The step that a cut during operation `cut` must leave; 0: perhaps nothing.
  int64_t sure_step(size_t cut) const {
    const auto after = sure_from_.upper_bound(cut);
    return after == sure_from_.begin() ? 0 : std::prev(after)->second;
  }

 private:
  test::PowerLossLog log_;
  std::map<size_t, int64_t> sure_from_;  // by the first operation after which it is sure
};

// What there is after a power cut: complete checkpoints only, each with its own bytes, and the one
// that was saved last or a later one.
void expect_whole(const fs::path& run_directory, int64_t sure_step,
                  const std::map<int64_t, Hashes>& expected) {
  int64_t newest = 0;
  if (io::is_run_directory(run_directory)) {
    for (const fs::path& checkpoint : io::checkpoints_after(run_directory, -1)) {
      ASSERT_TRUE(io::has_valid_manifest(checkpoint, /*check_hashes=*/true)) << checkpoint;
      newest = io::checkpoint_step(checkpoint.filename().string());
      EXPECT_EQ(hashes_of(checkpoint), expected.at(newest));
    }
  }
  EXPECT_GE(newest, sure_step);
}

// `samples` cuts; each is looked at with `check`.
void cut_power(const Recording& recording, int samples, uint64_t seed,
               const std::function<void(const fs::path& left, size_t cut, int sample)>& check) {
  const test::TempDirectory folder;
  std::mt19937_64 random(seed);
  for (int sample = 0; sample < samples; ++sample) {
    const size_t cut = random() % (recording.log().size() + 1);
    SCOPED_TRACE(fmt::format("sample {} of seed {}, cut at operation {} of {}", sample, seed, cut,
                             recording.log().size()));
    const fs::path left = folder / "left";
    fs::remove_all(left);
    recording.log().replay(cut, random, left);
    check(left, cut, sample);
    if (testing::Test::HasFailure()) return;
  }
}

void save_every_step(RunConfig& config, int64_t steps, int64_t keep_last) {
  config.train.max_steps = steps;
  config.optim.schedule.type = optim::ScheduleType::kConstant;
  config.checkpoint.every_steps = 1;
  config.checkpoint.keep_last = keep_last;
  config.checkpoint.keep_best = false;
}

std::map<int64_t, Hashes> all_hashes(const fs::path& run_directory) {
  std::map<int64_t, Hashes> hashes;
  for (const io::Checkpoint& checkpoint : CheckpointFolder(run_directory).list())
    hashes[checkpoint.step] = hashes_of(checkpoint.directory);
  return hashes;
}

// A new folder, saves with pruning, and a resume from an older step that sets a later one aside.
TEST(PowerLoss, EveryCutOfARunsSavesLeavesADirectoryThatResumes) {
  test::PreparedRun run;
  save_every_step(run.config, 5, 100);
  run.train();
  const auto expected = all_hashes(run.options.run_directory);
  ASSERT_EQ(expected.size(), 5u);

  fs::create_directory(run.folder / "disk");
  run.options.run_directory = run.folder / "disk/runs/new";
  Recording recording(run.folder / "disk");
  save_every_step(run.config, 3, 2);
  run.train();
  const size_t goes_back = recording.log().size();
  run.train(run.options.run_directory / "checkpoints/step-00000002");
  const size_t came_again = recording.log().size();
  save_every_step(run.config, 5, 1);
  run.train();
  recording.stop();
  EXPECT_TRUE(fs::exists(run.options.run_directory / "checkpoints/abandoned-1/step-00000003"));

  const auto is_there = [](const fs::path& checkpoint) {
    return io::has_valid_manifest(checkpoint, /*check_hashes=*/true);
  };
  // The second run begins again at step 2: from there on that is all that is sure, and what it left
  // behind.
  int resumed = 0;
  cut_power(recording, 400, 1, [&](const fs::path& left, size_t cut, int sample) {
    const int64_t sure = std::min<int64_t>(recording.sure_step(cut), 2);
    const bool is_late = recording.sure_step(cut) >= 4;
    expect_whole(left / "runs/new", is_late ? recording.sure_step(cut) : sure, expected);
    const fs::path checkpoints = left / "runs/new/checkpoints";
    const bool is_aside = is_there(checkpoints / "abandoned-1/step-00000003");
    EXPECT_TRUE(is_aside || cut < came_again);
    EXPECT_TRUE(is_aside || cut < goes_back || is_there(checkpoints / "step-00000003"));
    if (sample % 20 != 0) return;
    run.options.run_directory = left / "runs/new";
    run.train();
    EXPECT_EQ(all_hashes(run.options.run_directory).at(5), expected.at(5));
    ++resumed;
  });
  EXPECT_EQ(resumed, 20);
}

TEST(PowerLoss, EveryCutOfASaveByTwoRanksLeavesADirectoryThatResumes) {
  const test::TempDirectory folder;
  const auto train = [&](const std::string& name, int64_t keep_last) {
    test::train_on_ranks(2, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
      test::TinyRun run;
      save_every_step(run.config, 3, keep_last);
      run.config.eval.every_steps = 0;
      run.reduction.zero = 1;
      run.group = group;
      run.shared_folder = folder.path();
      run.train(name);
    });
  };
  train("whole", 100);
  const auto expected = all_hashes(folder / "whole");
  fs::create_directories(folder / "disk/run");
  Recording recording(folder / "disk");
  train("disk/run", 1);
  recording.stop();
  cut_power(recording, 150, 2, [&](const fs::path& left, size_t cut, int) {
    expect_whole(left / "run", recording.sure_step(cut), expected);
  });
}

class PowerLossTuning : public TuneRuns {};

TEST_F(PowerLossTuning, EveryCutOfAnAdaptersSaveLeavesADirectoryThatResumes) {
  auto settings = config<SftConfig>();
  settings.data.validation.clear();
  settings.train.max_steps = 2;
  settings.checkpoint.every_steps = 1;
  settings.checkpoint.keep_last = 100;
  settings.data.cache = (folder_.path() / "rows").string();
  train(settings, "whole");
  const auto expected = all_hashes(folder_.path() / "whole");
  fs::create_directory(folder_.path() / "disk");
  settings.checkpoint.keep_last = 1;
  Recording recording(folder_.path() / "disk");
  train(settings, "disk/run");
  recording.stop();
  cut_power(recording, 150, 3, [&](const fs::path& left, size_t cut, int) {
    expect_whole(left / "run", recording.sure_step(cut), expected);
  });
}

}  // namespace
}  // namespace llm::train
