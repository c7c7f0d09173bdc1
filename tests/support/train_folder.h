// A folder with a tokenizer, prepared data and a run config: what llmtrain needs.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "llm/io/json.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm::test {

class TrainFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 200; ++i) {
      lines += io::Json{{"text", "document " + std::to_string(i) + ": the quick brown fox"}}.dump();
      lines += "\n";
    }
    dir_.file("corpus.jsonl", lines);
    dir_.file("m.json", R"({"model_type": "llama", "vocab_size": 300, "hidden_size": 16,
      "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2})");
    dir_.file("run.json",
              R"({"model": {"config": "m.json"}, "data": {"path": "data", "context_length": 32},
      "train": {"max_steps": 30, "batch_tokens": 64, "micro_batch_rows": 2},
      "optim": {"schedule": {"warmup_steps": 2}}, "log": {"tensorboard": false}})");
    ASSERT_EQ(run("llmtok train --input corpus.jsonl --vocab-size 300 --out tok --quiet && "
                  "llmdata prepare --input corpus.jsonl --tokenizer tok --out data --quiet "
                  "--validation-fraction 0.1")
                  .exit_code,
              0);
  }

  Outcome run(const std::string& line) const { return run_shell(dir_.path(), line); }

  TempDirectory dir_;
};

}  // namespace llm::test
