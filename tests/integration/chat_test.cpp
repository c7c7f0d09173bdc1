// Oracle: the library's own session on the same model directory; the command-line contract of
// docs/design.md section 8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "llm/chat/chat_session.h"
#include "llm/chat/model_settings.h"
#include "llm/text/chat_template.h"
#include "support/model_directory.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

using ::testing::HasSubstr;

class LlmchatTest : public ::testing::Test {
 protected:
  void save_model(const std::string& jinja, const convert::GenerationConfig& hints = {}) {
    text::BpeTrainer trainer(
        {.vocab_size = 280, .chat = "chatml", .reserved = {}, .min_frequency = 1});
    trainer.add_text(test::kSampleText);
    const auto tokenizer = trainer.train();
    arch::ModelConfig config = test::tiny_text_config();
    config.max_position_embeddings = 256;
    const auto tiny = test::make_tiny_model(config);
    convert::save_model(directory(), config, *tiny.store, tokenizer.get(), hints, jinja);
  }

  // `arguments` in shell syntax.
  test::Outcome llmchat(const std::string& arguments, const std::string& input = "") const {
    folder_.file("stdin", input);
    return test::run_shell(folder_.path(), "llmchat --threads 1 --model '" + directory().string() +
                                               "' " + arguments + " <stdin");
  }

  // What the library says to the same messages, greedily.
  std::vector<std::string> greedy_replies(const std::vector<std::string>& messages) const {
    const auto loaded = convert::load_model(directory());
    const auto model = generate::make_language_model(*loaded.model, 256);
    chat::ChatSettings settings;
    settings.sampling.temperature = 0;
    settings.stop = {chat::stop_ids(loaded), {}, 12};
    chat::ChatSession session(*model, loaded.tokenizer, loaded.chat_template, settings);
    std::vector<std::string> replies;
    for (const auto& message : messages) replies.push_back(session.reply(message).generation.text);
    return replies;
  }

  std::filesystem::path directory() const { return folder_ / "model"; }
  test::TempDirectory folder_;
};

TEST_F(LlmchatTest, OneReplyIsAllOfStdout) {
  save_model(text::jinja_of("chatml"));
  const auto got = llmchat("-p 'the cat' --temp 0 --max-tokens 12");
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_EQ(got.out, greedy_replies({"the cat"})[0] + "\n");
  EXPECT_EQ(llmchat("-p - --temp 0 --max-tokens 12", "the cat\n").out, got.out);
}

TEST_F(LlmchatTest, LinesOfStdinAreTurnsOfOneConversation) {
  save_model(text::jinja_of("chatml"));
  const auto expected = greedy_replies({"the cat", "and the mat"});
  const auto got = llmchat("--temp 0 --max-tokens 12", "the cat\nand the mat\n/quit\nnever\n");
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_EQ(got.out, expected[0] + "\n" + expected[1] + "\n");
}

TEST_F(LlmchatTest, JsonTellsWhatHappened) {
  save_model(text::jinja_of("chatml"));
  const auto got = llmchat("-p 'the cat' --seed 5 --max-tokens 9 --json");
  ASSERT_EQ(got.exit_code, 0) << got.err;
  const auto json = io::parse_json(got.out, "stdout");
  EXPECT_EQ(json["mode"], "chat");
  EXPECT_EQ(json["seed"], 5);
  EXPECT_LE(json["tokens"], 9);
  EXPECT_GT(json["prompt_tokens"], 0);
  const auto again = llmchat("-p 'the cat' --seed 5 --max-tokens 9 --json");
  EXPECT_EQ(io::parse_json(again.out, "stdout")["reply"], json["reply"]);
}

TEST_F(LlmchatTest, AModelWithoutTemplateCompletesAndSaysSo) {
  save_model("");
  const auto got = llmchat("-p 'the cat' --temp 0 --max-tokens 12");
  EXPECT_EQ(got.exit_code, 0);
  EXPECT_EQ(got.out, greedy_replies({"the cat"})[0] + "\n");
  EXPECT_THAT(got.err, HasSubstr("no chat template"));
  EXPECT_EQ(llmchat("-p 'the cat' --system x").exit_code, 2);
}

TEST_F(LlmchatTest, GenerationConfigGivesDefaultsAndFlagsWin) {
  convert::GenerationConfig hints;
  hints.do_sample = false;
  hints.max_new_tokens = 4;
  save_model("", hints);
  const auto hinted = io::parse_json(llmchat("-p 'the cat' --json").out, "stdout");
  EXPECT_LE(hinted["tokens"], 4);
  const auto greedy = greedy_replies({"the cat"})[0];
  EXPECT_TRUE(greedy.starts_with(hinted["reply"].get<std::string>()));
  EXPECT_EQ(llmchat("-p 'the cat' --max-tokens 12").out, greedy + "\n");
}

TEST_F(LlmchatTest, StopStringsEndTheReply) {
  save_model("");
  const std::string greedy = greedy_replies({"the cat"})[0];
  ASSERT_GE(greedy.size(), 4U);
  // A cut at ASCII characters, so that the shell sees whole ones.
  const size_t at = greedy.find_first_of("abcdefghijklmnopqrstuvwxyz", 1);
  ASSERT_NE(at, std::string::npos);
  const std::string stop = greedy.substr(at, 1);
  const auto got = llmchat("-p 'the cat' --temp 0 --max-tokens 12 --stop '" + stop + "'");
  EXPECT_EQ(got.out, greedy.substr(0, greedy.find(stop)) + "\n");
}

TEST_F(LlmchatTest, AReplyThatNobodyGetsIsAFailure) {
  save_model("");
  for (const char* flags : {"", "--json"}) {
    const auto got =
        llmchat(std::string("-p 'the cat' --temp 0 --max-tokens 12 ") + flags + " > /dev/full");
    EXPECT_EQ(got.exit_code, 3);
    EXPECT_THAT(got.err, HasSubstr("No space left on device"));
  }
}

TEST_F(LlmchatTest, MistakesHaveTheirExitCodes) {
  EXPECT_EQ(llmchat("-p x").exit_code, 2);  // no such model
  save_model("");
  const auto range = llmchat("-p x --top-p 2");
  EXPECT_EQ(range.exit_code, 2);
  EXPECT_THAT(range.err, HasSubstr("--top-p"));
  EXPECT_EQ(range.out, "");
  EXPECT_THAT(llmchat("-p x --max-tokens 0").err,
              HasSubstr("--max-tokens: expected a whole number of at least 1, got 0"));
  EXPECT_EQ(llmchat("--json").exit_code, 2);
  EXPECT_EQ(llmchat("-p x --nonsense").exit_code, 2);
  EXPECT_EQ(llmchat("-p x --context 100000").exit_code, 2);
  EXPECT_EQ(llmchat("-p - --max-tokens 2", "a\xff").exit_code, 3);
  EXPECT_EQ(llmchat("-p - --max-tokens 2 --context 8", std::string(500, 'q')).exit_code, 3);
}

}  // namespace
}  // namespace llm
