// Oracle: the peak of the steps themselves, as metrics.jsonl records it.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "support/train_folder.h"

namespace llm {
namespace {

class CheckpointMemory : public test::TrainFolder {
 protected:
  // 35 M parameters: 535 MiB of weights, gradients and moments.
  void SetUp() override {
    test::TrainFolder::SetUp();
    dir_.file("m.json", R"({"model_type": "llama", "vocab_size": 300, "hidden_size": 640,
      "intermediate_size": 1728, "num_hidden_layers": 8, "num_attention_heads": 10})");
  }

  io::Json train(const std::string& settings) const {
    const test::Outcome outcome =
        run("llmtrain pretrain --config run.json --run-dir r --json --set log.every_steps=1 "
            "--set checkpoint.every_steps=0 --set eval.every_steps=0 --set " +
            settings);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.json();
  }

  int64_t peak_of_steps() const {
    int64_t peak = 0;
    std::ifstream lines(dir_ / "r/metrics.jsonl");
    for (std::string line; std::getline(lines, line);)
      peak = std::max(peak, io::parse_json(line, "metrics").value("peak_memory_mib", int64_t{0}));
    return peak;
  }
};

TEST_F(CheckpointMemory, SavingAndLoadingTakeNoMoreThanTraining) {
  const auto saved = train("train.max_steps=2")["peak_memory_mib"].get<int64_t>();
  const int64_t steady = peak_of_steps();  // recorded before the save
  ASSERT_GT(steady, 535);
  const int64_t most = steady + steady / 10 + 64;
  EXPECT_LE(saved, most);
  EXPECT_LE(train("train.max_steps=3")["peak_memory_mib"].get<int64_t>(), most);
}

}  // namespace
}  // namespace llm
