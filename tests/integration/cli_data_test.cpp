// Oracle: the command-line contract of docs/design.md section 8: exit codes, JSON on stdout, one
// clear message on stderr; and text that must come back from its ids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "llm/io/json.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
  io::Json json() const { return io::parse_json(out, "stdout"); }
};

class CliData : public testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 300; ++i) {
      lines += io::Json{{"text", "문서 " + std::to_string(i) + ": the quick brown fox\n\tand 🙂"}}
                   .dump() +
               "\n";
    }
    dir_.file("corpus.jsonl", lines);
  }

  // A shell line run in the test's folder.
  Outcome run(const std::string& line) const {
    const std::string shell = "cd '" + dir_.path().string() +
                              "' && PATH='" LLM_BIN_DIR "':$PATH; (" + line +
                              ") >out.txt 2>err.txt";
    const int status = std::system(shell.c_str());
    Outcome outcome;
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = test::read_bytes(dir_ / "out.txt");
    outcome.err = test::read_bytes(dir_ / "err.txt");
    return outcome;
  }
  void train_tokenizer() const {
    const Outcome outcome =
        run("llmtok train --input corpus.jsonl --vocab-size 320 --chat chatml --out tok --json");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.json()["documents"], 300);
  }

  test::TempDirectory dir_;
};

TEST_F(CliData, FromTextToShardsAndBack) {
  train_tokenizer();
  const Outcome prepared =
      run("llmdata prepare --input corpus.jsonl --tokenizer tok --out data --json --quiet "
          "--validation-fraction 0.1");
  ASSERT_EQ(prepared.exit_code, 0) << prepared.err;
  const io::Json report = prepared.json();
  EXPECT_EQ(report["train"]["documents"].get<int>() + report["validation"]["documents"].get<int>(),
            300);
  const io::Json stats = run("llmdata stats --data data --json --top 2").json();
  EXPECT_EQ(stats["documents"], 300);
  EXPECT_EQ(stats["unknown_bytes"], 0);
  EXPECT_EQ(stats["tokens"].get<int>(),
            report["train"]["tokens"].get<int>() + report["validation"]["tokens"].get<int>());
  EXPECT_EQ(stats["top_tokens"].size(), 2u);
  const io::Json raw = run("llmdata stats --input corpus.jsonl --tokenizer tok --json").json();
  EXPECT_EQ(raw["bytes"], stats["bytes"]);
  EXPECT_EQ(raw["tokens"].get<int>() + 300, stats["tokens"].get<int>());
}

TEST_F(CliData, EncodingAndDecodingGiveTheBytesBack) {
  train_tokenizer();
  const std::string text = "두 줄\n\ttabs  and spaces   \n<|im_start|> 🙂 é é\n\n";
  dir_.file("page.txt", text);
  EXPECT_EQ(run("llmtok encode --tokenizer tok --input page.txt --whole | "
                "llmtok decode --tokenizer tok --input - --whole")
                .out,
            text);
  const Outcome lines =
      run("llmtok encode --tokenizer tok --input - < page.txt | "
          "llmtok decode --tokenizer tok --input -");
  EXPECT_EQ(lines.out, text);
  const io::Json plain =
      run("printf '<|im_start|>' | llmtok encode --tokenizer tok --input - --json").json();
  const io::Json parsed =
      run("printf '<|im_start|>' | llmtok encode --tokenizer tok --input - --json --parse-special")
          .json();
  EXPECT_GT(plain["ids"].size(), 1u);
  EXPECT_EQ(parsed["ids"].size(), 1u);
  EXPECT_EQ(parsed["tokens"][0], "'<|im_start|>'");
}

TEST_F(CliData, InspectShowsTheTokenizer) {
  train_tokenizer();
  const io::Json report =
      run("llmtok inspect --tokenizer tok --input corpus.jsonl --text 'the fox' --json").json();
  EXPECT_EQ(report["vocab_size"], 320);
  EXPECT_EQ(report["covers_all_bytes"], true);
  EXPECT_EQ(report["chat_template"], "");
  EXPECT_EQ(report["measure"]["failed_round_trips"], 0);
  EXPECT_EQ(report["measure"]["unknown_rate"], 0);
  EXPECT_GT(report["ids"].size(), 0u);
  EXPECT_THAT(run("llmtok inspect --tokenizer tok").out, HasSubstr("<|im_start|>"));
}

TEST_F(CliData, HelpHasExamplesAndExitsWithZero) {
  for (const std::string command : {"llmtok train", "llmtok encode", "llmtok decode",
                                    "llmtok inspect", "llmdata prepare", "llmdata stats"}) {
    const Outcome outcome = run(command + " --help");
    EXPECT_EQ(outcome.exit_code, 0) << command;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("Examples:"), HasSubstr("  " + command),
                                   HasSubstr("--json"), HasSubstr("--threads")));
  }
  EXPECT_THAT(run("llmdata --version").out, StartsWith("llmdata "));
}

TEST_F(CliData, UsageErrorsExitWithTwo) {
  for (const std::string line : {"llmtok", "llmtok no-such-command", "llmtok train --no-such-flag",
                                 "llmtok encode --input -", "llmdata stats --threads 0"}) {
    const Outcome outcome = run(line);
    EXPECT_EQ(outcome.exit_code, 2) << line;
    EXPECT_THAT(outcome.err, HasSubstr("error: ")) << line;
    EXPECT_EQ(outcome.out, "") << line;
  }
}

TEST_F(CliData, ConfigErrorsNameFlagOrLineAndExitWithTwo) {
  train_tokenizer();
  dir_.file("typo.json", "{\n  \"tokenizer\": \"tok\",\n  \"text_feild\": \"t\"\n}\n");
  dir_.file("range.json", "{\"validation_fraction\": 1.5}");
  const auto message = [&](const std::string& arguments) {
    const Outcome outcome = run("llmdata prepare --input corpus.jsonl --out data " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_FALSE(fs::exists(dir_ / "data"));
    return outcome.err;
  };
  EXPECT_THAT(message("--config typo.json"),
              AllOf(HasSubstr("typo.json:3:3"), HasSubstr("text_field")));
  EXPECT_THAT(message("--config range.json --tokenizer tok"), HasSubstr("range.json:1:"));
  EXPECT_THAT(message("--tokenizer tok --validation-fraction 1.5"),
              HasSubstr("--validation-fraction"));
  EXPECT_THAT(message("--tokenizer tok --invalid-utf8 ignore"),
              AllOf(HasSubstr("--invalid-utf8"), HasSubstr("skip")));
  EXPECT_THAT(message("--tokenizer nowhere"), HasSubstr("nowhere"));
  EXPECT_THAT(message("--tokenizer tok --config missing.json"), HasSubstr("missing.json"));
}

TEST_F(CliData, FlagsWinOverTheConfigFile) {
  train_tokenizer();
  dir_.file("prepare.json",
            "{\"input\": [\"corpus.jsonl\"], \"tokenizer\": \"tok\", \"out\": \"a\", // places\n"
            " \"validation_fraction\": 0.5}");
  const Outcome outcome =
      run("llmdata prepare --config prepare.json --validation-fraction 0 --out b --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["validation"]["documents"], 0);
  EXPECT_TRUE(fs::exists(dir_ / "b/dataset.json"));
  EXPECT_FALSE(fs::exists(dir_ / "a"));
}

TEST_F(CliData, DataErrorsNameTheLineAndExitWithThree) {
  train_tokenizer();
  dir_.file("broken.jsonl", "{\"text\": \"fine\"}\n{\"text\": \"a\"; }\n");
  dir_.file("latin1.txt", "caf\xE9\n");
  dir_.file("empty.jsonl", "\n");
  const auto outcome_of = [&](const std::string& input) {
    Outcome outcome = run("llmdata prepare --tokenizer tok --out data --json --input " + input);
    EXPECT_EQ(outcome.exit_code, 3) << input;
    EXPECT_FALSE(fs::exists(dir_ / "data"));
    return outcome;
  };
  const Outcome broken = outcome_of("broken.jsonl");
  EXPECT_THAT(broken.err, HasSubstr("broken.jsonl:2:13"));
  const io::Json error = broken.json()["error"];
  EXPECT_EQ(error["exit_code"], 3);
  EXPECT_EQ(error["kind"], "data");
  EXPECT_THAT(error["where"].get<std::string>(), HasSubstr("broken.jsonl:2:13"));
  EXPECT_THAT(outcome_of("latin1.txt").err, HasSubstr("latin1.txt:1"));
  EXPECT_THAT(outcome_of("empty.jsonl").err, HasSubstr("at least one document"));
  EXPECT_EQ(run("llmdata prepare --tokenizer tok --out data --input latin1.txt broken.jsonl "
                "--invalid-utf8 skip")
                .exit_code,
            3);
  EXPECT_EQ(run("llmdata prepare --tokenizer tok --out data --input latin1.txt corpus.jsonl "
                "--invalid-utf8 skip")
                .exit_code,
            0);
}

TEST_F(CliData, OutputIsNeverOverwrittenUnasked) {
  train_tokenizer();
  EXPECT_EQ(run("llmtok train --input corpus.jsonl --vocab-size 300 --out tok").exit_code, 2);
  const std::string line = "llmdata prepare --tokenizer tok --out data --input corpus.jsonl";
  EXPECT_EQ(run(line).exit_code, 0);
  EXPECT_THAT(run(line).err, HasSubstr("--force"));
  EXPECT_EQ(run(line).exit_code, 2);
  EXPECT_EQ(run(line + " --force").exit_code, 0);
}

TEST_F(CliData, ADamagedShardIsAFormatError) {
  train_tokenizer();
  ASSERT_EQ(run("llmdata prepare --tokenizer tok --out data --input corpus.jsonl").exit_code, 0);
  std::string bytes = test::read_bytes(dir_ / "data/train-00000.tokens");
  bytes[200] = static_cast<char>(bytes[200] ^ 1);
  dir_.file("data/train-00000.tokens", bytes);
  const Outcome outcome = run("llmdata stats --data data");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("train-00000.tokens"));
}

// The reader waits for a pipe that gives nothing more, as a slow disk would.
TEST_F(CliData, AnInterruptExitsWith130AndLeavesNothing) {
  train_tokenizer();
  const Outcome outcome =
      run("mkfifo pipe; llmdata prepare --tokenizer tok --out data --input pipe --format jsonl & "
          "job=$!; (for i in 1 2 3 4 5 6; do cat corpus.jsonl; done; kill -TERM $job; "
          "for i in $(seq 200); do cat corpus.jsonl; done) > pipe; wait $job");
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("interrupted"));
  EXPECT_FALSE(fs::exists(dir_ / "data"));
  EXPECT_FALSE(fs::exists(dir_ / "data.partial"));
}

TEST_F(CliData, HtmlPagesAndFoldersAreRead) {
  train_tokenizer();
  fs::create_directory(dir_ / "pages");
  dir_.file("pages/a.html", "<title>T</title><nav>no</nav><p>Hello &amp; goodbye</p>");
  dir_.file("pages/b.txt", "plain");
  const Outcome outcome = run("llmdata stats --input pages --json --threads 2");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["bytes"], std::string("T\n\nHello & goodbye").size() + 5);
  EXPECT_EQ(run("llmdata stats --input pages --format html --json").json()["documents"], 1);
}

}  // namespace
}  // namespace llm
