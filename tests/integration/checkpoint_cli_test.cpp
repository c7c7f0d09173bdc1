// Oracle: what lies on disk, and the rules of docs/design.md section 6 for what may go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "support/paths.h"
#include "support/train_folder.h"

namespace llm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckpointCli : public test::TrainFolder {
 protected:
  void SetUp() override {
    test::TrainFolder::SetUp();
    ASSERT_EQ(run("llmtrain pretrain --config run.json --run-dir r --quiet "
                  "--set checkpoint.every_steps=5 --set checkpoint.keep_last=2 "
                  "--set checkpoint.keep_every_steps=10 --set eval.every_steps=0")
                  .exit_code,
              0);
  }

  std::vector<int64_t> steps() const {
    const io::Json listed = run("llmtrain checkpoint list r --json").json();
    std::vector<int64_t> found;
    for (const io::Json& row : listed["checkpoints"]) found.push_back(row["step"]);
    return found;
  }
};

TEST_F(CheckpointCli, ARunKeepsItsNewestAndEveryTenth) {
  EXPECT_THAT(steps(), ElementsAre(10, 20, 25, 30));
}

TEST_F(CheckpointCli, PruningNeverTakesTheNewestCompleteOne) {
  // Damaged: the newest complete one is that of step 25 then.
  std::filesystem::resize_file(dir_ / "r/checkpoints/step-00000030/model.safetensors", 100);
  EXPECT_EQ(run("llmtrain checkpoint prune r --keep-every 20 --forget-best").exit_code, 0);
  EXPECT_THAT(steps(), ElementsAre(20, 25, 30));
  const test::Outcome again = run("llmtrain checkpoint prune r --forget-best --json");
  EXPECT_THAT(again.json()["removed"], ElementsAre(20));
  EXPECT_EQ(run("llmtrain checkpoint verify r/checkpoints/step-00000025").exit_code, 0);
}

TEST_F(CheckpointCli, VerifyReadsEveryByte) {
  EXPECT_EQ(run("llmtrain checkpoint verify r").exit_code, 0);
  const auto file = dir_ / "r/checkpoints/step-00000020/model.safetensors";
  std::string bytes = test::read_bytes(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  dir_.file("r/checkpoints/step-00000020/model.safetensors", bytes);
  EXPECT_EQ(run("llmtrain checkpoint list r").exit_code, 0);
  const test::Outcome verified = run("llmtrain checkpoint verify r");
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.out, HasSubstr("model.safetensors"));
}

TEST_F(CheckpointCli, ARunThatIsTrainingKeepsItsCheckpoints) {
  const test::Outcome refused = run(
      "llmtrain pretrain --config run.json --run-dir busy --set train.max_steps=2000000 --quiet "
      "& until [ -s busy/metrics.jsonl ]; do sleep 0.05; done; mkdir -p busy/checkpoints; "
      "llmtrain checkpoint prune busy; code=$?; kill -TERM $!; wait $!; exit $code");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(run("llmtrain checkpoint list nowhere").exit_code, 2);
  EXPECT_EQ(run("llmtrain checkpoint keep r").exit_code, 2);
}

}  // namespace
}  // namespace llm
