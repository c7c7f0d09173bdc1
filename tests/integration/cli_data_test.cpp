// Oracle: the command-line contract of docs/design.md section 8: exit codes, JSON on stdout, one
// clear message on stderr; and text that must come back from its ids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "llm/io/json.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

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
  test::Outcome run(const std::string& line) const { return test::run_shell(dir_.path(), line); }
  void train_tokenizer() const {
    const test::Outcome outcome =
        run("llmtok train --input corpus.jsonl --vocab-size 320 --chat chatml --out tok --json");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.json()["documents"], 300);
  }

  test::TempDirectory dir_;
};

TEST_F(CliData, FromTextToShardsAndBack) {
  train_tokenizer();
  const test::Outcome prepared =
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
  const io::Json untold = run("llmdata stats --input corpus.jsonl --json").json();
  EXPECT_EQ(untold["documents"], 300);
  for (const char* key : {"tokens", "bytes_per_token", "unknown_bytes"})
    EXPECT_TRUE(untold[key].is_null()) << key;
}

TEST_F(CliData, EncodingAndDecodingGiveTheBytesBack) {
  train_tokenizer();
  const std::string text = "두 줄\n\ttabs  and spaces   \n<|im_start|> 🙂 é é\n\n";
  dir_.file("page.txt", text);
  EXPECT_EQ(run("llmtok encode --tokenizer tok --input page.txt --whole | "
                "llmtok decode --tokenizer tok --input - --whole")
                .out,
            text);
  const test::Outcome lines =
      run("llmtok encode --tokenizer tok --input - < page.txt | "
          "llmtok decode --tokenizer tok --input -");
  EXPECT_EQ(lines.out, text);
  const test::Outcome objects =
      run("llmtok encode --tokenizer tok --input - --json < page.txt | "
          "llmtok decode --tokenizer tok --input -");
  EXPECT_EQ(objects.out, text);
  for (const char* wrong : {"{}", R"({"ids": [1.5]})", R"({"ids": [4294967296]})"}) {
    dir_.file("wrong.json", wrong);
    const test::Outcome refused = run("llmtok decode --tokenizer tok --input wrong.json");
    EXPECT_EQ(refused.exit_code, 3);
    EXPECT_THAT(refused.err, HasSubstr("wrong.json:1: expected an object with a list \"ids\""));
  }
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
    const test::Outcome outcome = run(command + " --help");
    EXPECT_EQ(outcome.exit_code, 0) << command;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("Examples:"), HasSubstr("  " + command),
                                   HasSubstr("--json"), HasSubstr("--threads")));
  }
  EXPECT_THAT(run("llmdata --version").out, StartsWith("llmdata "));
}

TEST_F(CliData, UsageErrorsExitWithTwo) {
  for (const std::string line : {"llmtok", "llmtok no-such-command", "llmtok train --no-such-flag",
                                 "llmtok encode --input -", "llmdata stats --threads 0"}) {
    const test::Outcome outcome = run(line);
    EXPECT_EQ(outcome.exit_code, 2) << line;
    EXPECT_THAT(outcome.err, HasSubstr("error: ")) << line;
    EXPECT_EQ(outcome.out, "") << line;
  }
}

TEST_F(CliData, TextThatIsNoUtf8IsRefusedBeforeAnythingIsPrinted) {
  train_tokenizer();
  const test::Outcome outcome = run("llmtok inspect --tokenizer tok --text \"$(printf 'a\\377')\"");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("--text: expected valid UTF-8, got byte 0xFF at byte 2"));
  const test::Outcome absent = run("llmtok inspect --tokenizer tok --input absent.jsonl");
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_EQ(absent.out, "");
}

TEST_F(CliData, PathsMayHoldAnyBytes) {
  const std::string odd = "\"$(printf 'odd\\377')\"";
  const std::string shown = "odd\xEF\xBF\xBD";
  const test::Outcome trained =
      run("llmtok train --input corpus.jsonl --vocab-size 320 --json --out " + odd);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_EQ(trained.json()["out"], shown);
  ASSERT_EQ(run("cp corpus.jsonl " + odd + ".jsonl").exit_code, 0);
  const test::Outcome prepared = run("llmdata prepare --json --input " + odd +
                                     ".jsonl --tokenizer " + odd + " --out " + odd + "-data");
  ASSERT_EQ(prepared.exit_code, 0) << prepared.err;
  EXPECT_EQ(prepared.json()["out"], shown + "-data");
  EXPECT_EQ(run("llmdata stats --json --data " + odd + "-data").json()["documents"], 300);
}

// Values of JSON are copied and written recursively.
TEST_F(CliData, JsonNestedTooDeepIsRefused) {
  train_tokenizer();
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  dir_.file("tok/tokenizer_config.json", "{\"version\":" + deep + "}");
  const test::Outcome inspected = run("llmtok inspect --tokenizer tok");
  EXPECT_EQ(inspected.exit_code, 3);
  EXPECT_THAT(inspected.err,
              HasSubstr("tokenizer_config.json:1:523: expected at most 512 levels of JSON"));
  // A field that nobody asks for is passed over, not kept.
  dir_.file("deep.jsonl", "{\"x\":" + deep + ",\"text\":\"hello\"}\n");
  const test::Outcome stats = run("llmdata stats --input deep.jsonl --json");
  EXPECT_EQ(stats.exit_code, 0) << stats.err;
  EXPECT_EQ(stats.json()["bytes"], 5);
}

TEST_F(CliData, ConfigErrorsNameFlagOrLineAndExitWithTwo) {
  train_tokenizer();
  dir_.file("typo.json", "{\n  \"tokenizer\": \"tok\",\n  \"text_feild\": \"t\"\n}\n");
  dir_.file("range.json", "{\"validation_fraction\": 1.5}");
  const auto message = [&](const std::string& arguments) {
    const test::Outcome outcome =
        run("llmdata prepare --input corpus.jsonl --out data " + arguments);
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
  const test::Outcome outcome =
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
    test::Outcome outcome =
        run("llmdata prepare --tokenizer tok --out data --json --input " + input);
    EXPECT_EQ(outcome.exit_code, 3) << input;
    EXPECT_FALSE(fs::exists(dir_ / "data"));
    return outcome;
  };
  const test::Outcome broken = outcome_of("broken.jsonl");
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
  const test::Outcome outcome = run("llmdata stats --data data");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("train-00000.tokens"));
}

// The reader waits for a pipe that gives nothing more, as a slow disk would.
TEST_F(CliData, AnInterruptExitsWith130AndLeavesNothing) {
  train_tokenizer();
  const test::Outcome outcome =
      run("mkfifo pipe; llmdata prepare --tokenizer tok --out data --input pipe --format jsonl & "
          "job=$!; (for i in 1 2 3 4 5 6; do cat corpus.jsonl; done; kill -TERM $job; "
          "for i in $(seq 200); do cat corpus.jsonl; done) > pipe; wait $job");
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("interrupted"));
  EXPECT_FALSE(fs::exists(dir_ / "data"));
  EXPECT_FALSE(fs::exists(dir_ / "data.partial"));
}

TEST_F(CliData, OutputThatIsLostIsAFailure) {
  train_tokenizer();
  for (const std::string line :
       {"llmtok inspect --tokenizer tok", "llmtok inspect --tokenizer tok --json",
        "llmtok encode --tokenizer tok --input corpus.jsonl", "llmdata stats --input corpus.jsonl",
        "llmdata stats --input corpus.jsonl --json", "llmtok --help", "llmdata --version"}) {
    const test::Outcome outcome = run(line + " > /dev/full");
    EXPECT_EQ(outcome.exit_code, 3) << line;
    EXPECT_THAT(outcome.err, HasSubstr("No space left on device")) << line;
  }
}

TEST_F(CliData, UsageErrorsNameTheNearestNameAndTheRightHelpPage) {
  EXPECT_THAT(run("llmtok train --vocab-sise 200").err,
              AllOf(HasSubstr("--vocab-sise is not an option of llmtok train"),
                    HasSubstr("Did you mean --vocab-size?"), HasSubstr("llmtok train --help")));
  EXPECT_THAT(run("llmdata perpare").err, HasSubstr("Did you mean prepare?"));
  EXPECT_THAT(run("llmtok train --vocab-size 273 --input corpus.jsonl --out t").err,
              HasSubstr("274"));
}

TEST_F(CliData, ABadOutputPlaceIsFoundBeforeTheWork) {
  dir_.file("file", "");
  const test::Outcome file = run("llmtok train --input corpus.jsonl --vocab-size 300 --out file");
  EXPECT_EQ(file.exit_code, 2);
  EXPECT_THAT(file.err, HasSubstr("--out: expected a directory to write, got file, a file"));
  // The input is looked for later: the error is about --out all the same.
  const test::Outcome nowhere = run("llmtok train --input absent --vocab-size 300 --out /proc/x");
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("/proc/x: cannot be made"));
  EXPECT_EQ(run("llmtok train --input absent --vocab-size 300 --out a/b").exit_code, 2);
  EXPECT_FALSE(fs::exists(dir_ / "a"));
}

TEST_F(CliData, StandardInputIsReadAsTextOrAsSaid) {
  train_tokenizer();
  const std::string line = "llmdata prepare --input - --tokenizer tok --json --out ";
  const test::Outcome jsonl = run("cat corpus.jsonl | " + line + "a --format jsonl");
  ASSERT_EQ(jsonl.exit_code, 0) << jsonl.err;
  EXPECT_EQ(jsonl.json()["train"]["documents"].get<int>() +
                jsonl.json()["validation"]["documents"].get<int>(),
            300);
  const test::Outcome text = run("cat corpus.jsonl | " + line + "b");
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.json()["train"]["documents"], 1);
}

TEST_F(CliData, StandardInputIsCalledSoInMessages) {
  train_tokenizer();
  const test::Outcome text = run("printf 'a\n\377' | llmtok encode --tokenizer tok --input -");
  EXPECT_THAT(text.err, HasSubstr("standard input:2: expected valid UTF-8"));
  const test::Outcome rows =
      run("printf '{\n' | llmdata stats --input - --format jsonl --tokenizer tok");
  EXPECT_EQ(rows.exit_code, 3);
  EXPECT_THAT(rows.err, HasSubstr("standard input:1:"));
}

TEST_F(CliData, AFailureLeavesNoFolders) {
  train_tokenizer();
  dir_.file("bad.jsonl", "{\n");
  EXPECT_EQ(run("llmdata prepare --input bad.jsonl --tokenizer tok --out a/b").exit_code, 3);
  EXPECT_FALSE(fs::exists(dir_ / "a"));
}

TEST_F(CliData, DecodeNamesTheLineOfAnIdThatIsNone) {
  train_tokenizer();
  const test::Outcome outcome =
      run("printf '1 2\\n3 999\\n' | llmtok decode --tokenizer tok --input -");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("standard input:2: expected ids from 0 to 319, got 999"));
}

TEST_F(CliData, HtmlPagesAndFoldersAreRead) {
  train_tokenizer();
  fs::create_directory(dir_ / "pages");
  dir_.file("pages/a.html", "<title>T</title><nav>no</nav><p>Hello &amp; goodbye</p>");
  dir_.file("pages/b.txt", "plain");
  const test::Outcome outcome = run("llmdata stats --input pages --json --threads 2");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["bytes"], std::string("T\n\nHello & goodbye").size() + 5);
  EXPECT_EQ(run("llmdata stats --input pages --format html --json").json()["documents"], 1);
}

}  // namespace
}  // namespace llm
