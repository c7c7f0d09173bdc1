// Oracle: the command-line contract of docs/design.md section 8; a row whose trained text can be
// read off the output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "llm/io/json.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CliShow : public testing::Test {
 protected:
  void SetUp() override {
    dir_.file("text.jsonl", io::Json{{"text", "the quick brown fox, the lazy dog"}}.dump() + "\n");
    dir_.file("chat.jsonl",
              "{\"question\": \"the fox\", \"answer\": \"lazy\\u001b[31m dog\", \"id\": 1}\n"
              "{\"question\": \"the dog\", \"answer\": \" \", \"id\": 2}\n");
    dir_.file("pairs.jsonl", R"({"prompt": "the", "chosen": "fox", "rejected": "dog"})"
                             "\n");
    const test::Outcome trained =
        run("llmtok train --input text.jsonl --vocab-size 300 --chat chatml --out tok --json");
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }

  test::Outcome run(const std::string& line) const { return test::run_shell(dir_.path(), line); }
  test::Outcome show(const std::string& arguments) const {
    return run("llmdata show --tokenizer tok --template chatml --quiet " + arguments);
  }

  test::TempDirectory dir_;
  const std::string columns_ = " --columns-prompt question --columns-completion answer ";
};

TEST_F(CliShow, ShowsWhatIsTrainedAndCounts) {
  const test::Outcome shown = show("--input chat.jsonl" + columns_);
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("chat.jsonl:1  prompt_completion"),
                    HasSubstr("<|im_start|>user\nthe fox<|im_end|>\n<|im_start|>assistant\n"
                              "\u27E6lazy\\x1B[31m dog<|im_end|>\u27E7\n"),
                    Not(HasSubstr("\x1b")), HasSubstr("columns not used")));
}

TEST_F(CliShow, PairsHaveOnePrompt) {
  const test::Outcome shown = show("--input pairs.jsonl");
  EXPECT_THAT(shown.out, HasSubstr("the<|im_end|>\n<|im_start|>assistant\n--- chosen\n"
                                   "\u27E6fox<|im_end|>\u27E7\n--- rejected\n"
                                   "\u27E6dog<|im_end|>\u27E7\n"));
}

TEST_F(CliShow, JsonHoldsIdsMaskAndCounts) {
  const io::Json report = show("--input chat.jsonl --json --limit 5" + columns_).json();
  EXPECT_EQ(report["examples"].size(), 1u);
  const io::Json& document = report["examples"][0]["documents"][0];
  EXPECT_EQ(document["ids"].size(), document["trained"].size());
  EXPECT_EQ(report["sources"][0]["counts"]["rows"], 2);
  EXPECT_EQ(report["sources"][0]["counts"]["dropped_empty"], 1);
  EXPECT_EQ(report["sources"][0]["unused_columns"], io::Json({"id"}));
}

TEST_F(CliShow, MistakesHaveTheirExitCodes) {
  EXPECT_EQ(show("").exit_code, 2);
  EXPECT_EQ(show("--input missing.jsonl").exit_code, 2);
  const test::Outcome no_template = run("llmdata show --tokenizer tok --input pairs.jsonl");
  EXPECT_EQ(no_template.exit_code, 2);
  EXPECT_THAT(no_template.err, HasSubstr("a chat template"));
  const test::Outcome unknown = show("--input chat.jsonl");
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("chat.jsonl:1"), HasSubstr("question, answer, id")));
  const test::Outcome mixed = show("--input pairs.jsonl text.jsonl");
  EXPECT_EQ(mixed.exit_code, 3);
  EXPECT_THAT(mixed.err, HasSubstr("text.jsonl:1"));
}

}  // namespace
}  // namespace llm
