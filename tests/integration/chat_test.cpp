// Oracle: the library's own session on the same model directory; the command-line contract of
// docs/design.md section 8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "llm/chat/chat_session.h"
#include "llm/chat/model_settings.h"
#include "llm/chat/template_choice.h"
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
    settings.max_tokens = 12;
    chat::ChatSession session(*model, loaded.tokenizer,
                              chat::own_template(loaded.chat_template, *loaded.tokenizer),
                              chat::stop_ids(loaded), settings);
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

TEST_F(LlmchatTest, JsonInAPipeIsOneRecordPerTurn) {
  save_model(text::jinja_of("chatml"));
  const auto expected = greedy_replies({"the cat", "and the mat"});
  const auto got = llmchat("--json --temp 0 --max-tokens 12", "the cat\n\xff\nand the mat\n");
  EXPECT_EQ(got.exit_code, 1) << "a message could not be answered";
  std::istringstream lines(got.out);
  std::vector<io::Json> records;
  for (std::string line; std::getline(lines, line);) records.push_back(io::parse_json(line, line));
  ASSERT_EQ(records.size(), 3U) << got.out;
  EXPECT_EQ(records[0]["reply"], expected[0]);
  EXPECT_TRUE(records[1].contains("error"));
  EXPECT_EQ(records[2]["reply"], expected[1]);
  EXPECT_GT(records[2]["cached_tokens"], 0);
}

TEST_F(LlmchatTest, ASavedConversationGoesOn) {
  save_model(text::jinja_of("chatml"));
  const auto expected = greedy_replies({"the cat", "and the mat"});
  const auto first = llmchat("--temp 0 --max-tokens 12", "the cat\n/save talk.json\n");
  EXPECT_EQ(first.exit_code, 0) << first.err;
  // Temperature and length come from the file.
  const auto second = llmchat("--load talk.json -p 'and the mat'");
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(second.out, expected[1] + "\n");
  const auto shorter = llmchat("--load talk.json -p 'and the mat' --max-tokens 1 --json").json();
  EXPECT_EQ(shorter["tokens"], 1) << "flags win";
}

TEST_F(LlmchatTest, TemplateAndSystemComeFromFiles) {
  save_model("");
  folder_.file("mine.jinja", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
  folder_.file("system.txt", "the mat\n");
  const auto of_file =
      llmchat("-p cat --template mine.jinja --system-file system.txt --json").json();
  EXPECT_EQ(of_file["mode"], "chat");
  const auto of_flag = llmchat("-p cat --template mine.jinja --system 'the mat' --json").json();
  EXPECT_EQ(of_file["prompt_tokens"], of_flag["prompt_tokens"]);
  EXPECT_EQ(llmchat("-p cat --template chatml").exit_code, 0);
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
  EXPECT_EQ(llmchat("-p x --system a --system-file b").exit_code, 2);
  EXPECT_EQ(llmchat("-p x --system-file none.txt").exit_code, 2);
  EXPECT_EQ(llmchat("-p x --load none.json").exit_code, 2);
  EXPECT_THAT(llmchat("-p x --template chatlm").err, HasSubstr("Did you mean chatml?"));
  EXPECT_EQ(llmchat("-p x --nonsense").exit_code, 2);
  const auto stop = llmchat("-p x --stop \"$(printf 'a\\377')\"");
  EXPECT_EQ(stop.exit_code, 2);
  EXPECT_THAT(stop.err, HasSubstr("--stop: expected valid UTF-8, got byte 0xFF at byte 2"));
  EXPECT_EQ(llmchat("-p x --context 100000").exit_code, 2);
  EXPECT_EQ(llmchat("-p - --max-tokens 2", "a\xff").exit_code, 3);
  EXPECT_EQ(llmchat("-p - --max-tokens 2 --context 8", std::string(500, 'q')).exit_code, 3);
}

// A person whose screen is stderr, as stdout goes into a file.
TEST_F(LlmchatTest, ATerminalGetsThePromptAndAFileTheRepliesAlone) {
  save_model(text::jinja_of("chatml"));
  const auto expected = greedy_replies({"the cat", "and the mat"});
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string line = fmt::format(
        "cd '{}' && LLMTRAIN_HISTORY=history TERM=xterm '{}/llmchat' --threads 1 --temp 0 "
        "--max-tokens 12 --model model >replies.txt",
        folder_.path().string(), test::program_dir().string());
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  std::string screen;
  size_t shown = 0;  // of the screen, at the last line typed
  // Types a line when `awaited` and then the prompt are there anew.
  const auto type = [&](const std::string& line, const std::string& awaited = "") {
    const auto is_there = [&] {
      const size_t found = screen.find(awaited, shown);
      return found != std::string::npos && screen.find("> ", found) != std::string::npos;
    };
    while (!is_there()) {
      char bytes[512];
      const ssize_t count = ::read(terminal, bytes, sizeof bytes);
      if (count <= 0) return false;
      screen.append(bytes, static_cast<size_t>(count));
    }
    shown = screen.size();
    return ::write(terminal, line.data(), line.size()) == std::ssize(line);
  };
  EXPECT_TRUE(type("the cat\n")) << screen;
  EXPECT_TRUE(type("and the mat\n")) << screen;
  EXPECT_TRUE(type("/sta\t\n")) << screen;
  EXPECT_TRUE(type("\x04", "all replies  2: ")) << screen;
  for (char byte = 0; ::read(terminal, &byte, 1) == 1;) screen += byte;
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_EQ(status, 0) << screen;
  EXPECT_EQ(test::read_bytes(folder_ / "replies.txt"), expected[0] + "\n" + expected[1] + "\n");
  EXPECT_THAT(screen, HasSubstr("/help lists the commands"));
  EXPECT_THAT(screen, HasSubstr("all replies  2: "));
  EXPECT_EQ(test::read_bytes(folder_ / "history"), "\"the cat\"\n\"and the mat\"\n\"/stats \"\n");
}

}  // namespace
}  // namespace llm
