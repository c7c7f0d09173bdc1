// Oracle: the dialogue a person would see, with scripted lines and a scripted model.
#include "llm/chat/repl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "llm/chat/conversation_file.h"
#include "llm/io/json.h"
#include "support/temp_directory.h"
#include "unit/generate/fakes.h"

namespace llm::chat {
namespace {

using generate::testing::ByteTokenizer;
using generate::testing::ScriptedModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int32_t kTurnEnd = 257;

class ReplTest : public ::testing::Test {
 protected:
  void run(const std::string& lines, std::vector<int32_t> script) {
    const auto tokenizer =
        std::make_shared<ByteTokenizer>(std::vector<std::string>{"<|im_start|>", "<|im_end|>"});
    ScriptedModel model(tokenizer->vocab_size(), std::move(script), context_);
    ChatSettings settings;
    settings.sampling.temperature = 0;
    settings.max_tokens = 10;
    ChatSession session(model, tokenizer, text::ChatTemplate::named("chatml"), {kTurnEnd},
                        settings);
    std::istringstream in(lines);
    const auto input = make_stream_input(in);
    failures_ = run_repl(session, *input, options_);
    messages_ = session.messages();
    settings_ = session.settings();
    seen_ = tokenizer->decode(model.ids());
  }
  std::vector<std::string> contents() const {
    std::vector<std::string> out;
    for (const auto& message : messages_) out.push_back(message.content);
    return out;
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  int64_t context_ = 4096;
  std::ostringstream replies_, notices_;
  ReplOptions options_{
      .replies = replies_, .notices = notices_, .take_interrupt = [] { return false; }};
  int64_t failures_ = 0;
  std::vector<text::ChatMessage> messages_;
  ChatSettings settings_;
  std::string seen_;
  test::TempDirectory folder_;
};

TEST_F(ReplTest, AnswersLinesUntilTheEnd) {
  run("one\r\n\ntwo", {'A', kTurnEnd, 'B', kTurnEnd});
  EXPECT_EQ(replies_.str(), "A\nB\n");
  EXPECT_EQ(notices_.str(), "");
  EXPECT_EQ(failures_, 0);
  EXPECT_THAT(contents(), ElementsAre("one", "A", "two", "B"));
}

TEST_F(ReplTest, CommandsAreNotShownToTheModel) {
  run("/system Be brief.\nhi\n/stats\n/nonsense\n/help\n/clear\n/exit\nnever", {'A', kTurnEnd});
  EXPECT_EQ(replies_.str(), "A\n");
  EXPECT_THAT(notices_.str(), HasSubstr("system prompt set"));
  EXPECT_THAT(notices_.str(), HasSubstr("stopped by stop_token"));
  EXPECT_THAT(notices_.str(), HasSubstr("/nonsense"));
  EXPECT_THAT(notices_.str(), HasSubstr("/exit"));
  EXPECT_EQ(failures_, 1);
  EXPECT_THAT(contents(), ElementsAre("Be brief."));
}

TEST_F(ReplTest, AliasesAndTypingErrors) {
  run("/sav x\n/regne\n/reset\n/bye\nnever", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("Did you mean /save?"));
  EXPECT_THAT(notices_.str(), HasSubstr("Did you mean /regen?"));
  EXPECT_EQ(replies_.str(), "");
}

TEST_F(ReplTest, HelpKnowsEveryCommand) {
  run("/help\n", {kTurnEnd});
  const std::string list = notices_.str();
  for (const auto& name : command_completer()("/").words) {
    EXPECT_THAT(list, HasSubstr(name));
    notices_.str("");
    run("/help " + name + "\n/help " + name.substr(1) + "\n", {kTurnEnd});
    EXPECT_EQ(failures_, 0);
    EXPECT_TRUE(notices_.str().starts_with(name));
  }
  run("/help nonsense\n/clear now\n", {kTurnEnd});
  EXPECT_EQ(failures_, 2);
}

TEST_F(ReplTest, TwoSlashesAndBlocksSendWhatLooksLikeACommand) {
  run("//exit is a command\n\"\"\"\n/clear\nthis\n\"\"\"\n", {'A', kTurnEnd, 'B', kTurnEnd});
  EXPECT_THAT(contents(), ElementsAre("/exit is a command", "A", "/clear\nthis", "B"));
}

TEST_F(ReplTest, RegenAndUndo) {
  run("one\n/regen\n/undo\n/undo\n/regen\n", {'A', kTurnEnd, 'B', kTurnEnd});
  EXPECT_EQ(replies_.str(), "A\nB\n");
  EXPECT_THAT(notices_.str(), HasSubstr("at temperature 0 the reply is the same"));
  EXPECT_THAT(notices_.str(), HasSubstr("taken back: one"));
  EXPECT_THAT(notices_.str(), HasSubstr("nothing to take back"));
  EXPECT_THAT(notices_.str(), HasSubstr("a message to answer"));
  EXPECT_TRUE(messages_.empty());
}

TEST_F(ReplTest, SystemIsShownSetAndRemoved) {
  run("/system\n/system Be kind.\n/system\nhi\n/system \"\"\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("(no system prompt)\n(system prompt set)\nBe kind.\n"));
  EXPECT_THAT(contents(), ElementsAre("hi", "A"));
}

TEST_F(ReplTest, SetChangesAndExplains) {
  run("/set temp 0.5\n/set max_tokens=3\n/set stop END\n/set seed 4\n/set top_k\n/set\n", {'A'});
  EXPECT_EQ(failures_, 0) << notices_.str();
  EXPECT_EQ(settings_.sampling.temperature, 0.5);
  EXPECT_EQ(settings_.max_tokens, 3);
  EXPECT_EQ(settings_.stop, (std::vector<std::string>{"END"}));
  EXPECT_THAT(notices_.str(), HasSubstr("top_k = 40"));
  for (const auto& name : command_completer()("/set ").words)
    EXPECT_THAT(notices_.str(), HasSubstr(name));
  notices_.str("");
  run("/set temprature 1\n/set top_p 7\n/set top_k many\n/set stop [\"a\", \"b\"]\n/set stop 7\n"
      "/set max_tokens null\n/set stop null\n",
      {'A'});
  EXPECT_EQ(failures_, 3) << notices_.str();
  EXPECT_THAT(notices_.str(), HasSubstr("temperature"));
  EXPECT_THAT(notices_.str(), HasSubstr("in (0, 1]"));
  EXPECT_THAT(notices_.str(), HasSubstr("stop = [\"7\"]"));
  EXPECT_EQ(settings_.max_tokens, std::nullopt);
  EXPECT_TRUE(settings_.stop.empty());
  notices_.str("");
  run("/set bogus 3\n/set a.b 3\n/set =3\n/set top_p 7\n/set stop [1]\n", {'A'});
  EXPECT_EQ(failures_, 5) << notices_.str();
  EXPECT_THAT(notices_.str(), HasSubstr("(/set: bogus: expected a known key"));
  EXPECT_THAT(notices_.str(), HasSubstr("(/set: a.b: expected a known key"));
  EXPECT_THAT(notices_.str(), HasSubstr("(/set: expected NAME VALUE, got '=3'"));
  EXPECT_THAT(notices_.str(), HasSubstr("got 7. Only the likeliest"));
  EXPECT_THAT(notices_.str(), HasSubstr("(/set: stop[0]: expected a string"));
}

TEST_F(ReplTest, ShowNamesModelTemplateAndSettings) {
  options_.about = {{"model", "X.gguf"}};
  run("hi\n/show\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("X.gguf"));
  EXPECT_THAT(notices_.str(), HasSubstr("chatml"));
  EXPECT_THAT(notices_.str(), HasSubstr("of 4,096 tokens"));
  EXPECT_THAT(notices_.str(), HasSubstr("2 messages"));
  EXPECT_THAT(notices_.str(), HasSubstr("temperature 0"));
}

TEST_F(ReplTest, SaveAndLoad) {
  run("/system S\nhi\n/save '" + file("talk one.json") + "'\n", {'A', kTurnEnd});
  EXPECT_EQ(failures_, 0) << notices_.str();
  EXPECT_THAT(notices_.str(), HasSubstr("3 messages saved"));
  run("other\n/load \"" + file("talk one.json") + "\"\nmore\n", {'X', kTurnEnd, 'B', kTurnEnd});
  EXPECT_THAT(contents(), ElementsAre("S", "hi", "A", "more", "B"));
  folder_.file("bad.json", R"([{"role": "user"}])");
  folder_.file("open.json", R"([{"role": "user", "content": "well?"}])");
  run("hi\n/load " + file("bad.json") + "\n/load\n/save\n/load " + file("none.json") + "\n",
      {'A', kTurnEnd});
  EXPECT_EQ(failures_, 4);
  EXPECT_THAT(notices_.str(), HasSubstr("bad.json: [0].content"));
  EXPECT_THAT(contents(), ElementsAre("hi", "A"));
  run("/load " + file("open.json") + "\n/regen\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("/regen answers the last one"));
  EXPECT_THAT(contents(), ElementsAre("well?", "A"));
}

TEST_F(ReplTest, SaveLeavesFilesAloneThatThisSessionDidNotMake) {
  const std::string others = R"({"messages": [{"role": "user", "content": "by hand"}],
                                 "notes": "precious", "tools": [{}]})";
  const auto path = folder_.file("others.json", others);
  run("/save " + file("empty.json") + "\nhi\n/save " + path.string() + "\n", {'A', kTurnEnd});
  EXPECT_EQ(failures_, 2) << notices_.str();
  EXPECT_THAT(notices_.str(), HasSubstr("messages to save"));
  EXPECT_THAT(notices_.str(), HasSubstr("Name another file, or /load it first"));
  EXPECT_EQ(test::read_bytes(path), others);
  run("hi\n/save " + file("new.json") + "\nmore\n/save " + file("new.json") + "\n",
      {'A', kTurnEnd, 'B', kTurnEnd});
  EXPECT_EQ(failures_, 0) << notices_.str();
  EXPECT_EQ(read_conversation(file("new.json"), {}).messages.size(), 4U);
  EXPECT_FALSE(std::filesystem::exists(file("empty.json")));
  // Loaded by the command, or before the first line; what else the file holds stays.
  run("/load " + path.string() + "\n/regen\n/save " + path.string() + "\n", {'A', kTurnEnd});
  EXPECT_EQ(failures_, 0) << notices_.str();
  const io::Json saved = io::read_json_file(path);
  EXPECT_EQ(saved["messages"].size(), 2U);
  EXPECT_EQ(saved["notes"], "precious");
}

TEST_F(ReplTest, NamesWithSpacesAreQuotedOrEscaped) {
  folder_.file("a b.txt", "text");
  folder_.file("it's.txt", "text");
  const std::string base = folder_.path().string() + "/";
  for (const std::string& name : {"'" + base + "a b.txt'", "\"" + base + "a b.txt\"",
                                  base + "a\\ b.txt", "'" + base + "a b'.txt", base + "it's.txt"}) {
    run("/read " + name + " Sum up.\n", {'A', kTurnEnd});
    EXPECT_THAT(contents(), ElementsAre("text\n\nSum up.", "A")) << name << notices_.str();
  }
  run("hi\n/save '" + base + "x y.json'\n/load " + base + "x\\ y.json\n", {'A', kTurnEnd});
  EXPECT_EQ(failures_, 0) << notices_.str();
  EXPECT_TRUE(std::filesystem::exists(file("x y.json")));
  notices_.str("");
  run("hi\n/save " + base + "p q.json\n/save '" + base + "p\n/load ''\n", {'A', kTurnEnd});
  EXPECT_EQ(failures_, 3);
  EXPECT_THAT(notices_.str(), HasSubstr("Put a name with spaces in quotes"));
  EXPECT_THAT(notices_.str(), HasSubstr("a closing '"));
  EXPECT_FALSE(std::filesystem::exists(file("p")));
}

TEST_F(ReplTest, ReadSendsAFileWithWordsBehindIt) {
  folder_.file("my notes.txt", "\xef\xbb\xbfline 1\nline 2\n\n");
  folder_.file("latin.txt", "caf\xe9");
  folder_.file("empty.txt", "\n");
  run("/read \"" + file("my notes.txt") + "\" Sum up.\n/read " + file("latin.txt") + "\n/read " +
          file("empty.txt") + "\n/read " + file("none.txt") + "\n",
      {'A', kTurnEnd});
  EXPECT_THAT(contents(), ElementsAre("line 1\nline 2\n\nSum up.", "A"));
  EXPECT_EQ(failures_, 3);
  EXPECT_THAT(notices_.str(), HasSubstr("latin.txt, byte 3: expected UTF-8 text"));
}

TEST_F(ReplTest, TemplateIsShownAndChanged) {
  const std::string jinja = "{% for m in messages %}<{{ m.content }}>{% endfor %}";
  folder_.file("mine.jinja", jinja);
  run("/template\n/template " + file("mine.jinja") + "\nhi\n/template nonsens\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("im_start"));
  EXPECT_THAT(notices_.str(), HasSubstr("mine.jinja"));
  EXPECT_EQ(seen_, "<hi>A");
  EXPECT_EQ(failures_, 1);
  EXPECT_THAT(notices_.str(), HasSubstr("chatml, llama2"));
  run("/template ./nope.jinja\n/template '" + folder_.path().string() + "'\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("got './nope.jinja', which is no file"));
  EXPECT_THAT(notices_.str(), HasSubstr("which is a folder"));
}

TEST_F(ReplTest, CtrlCStopsTheReplyAndKeepsIt) {
  int asked = 0;
  // Before the reply once, then per token.
  options_.take_interrupt = [&] { return ++asked == 4; };
  run("one\ntwo\n", {'x'});
  EXPECT_EQ(replies_.str(), "xxx\nxxxxxxxxxx\n");
  EXPECT_THAT(contents(), ElementsAre("one", "xxx", "two", "xxxxxxxxxx"));
}

TEST_F(ReplTest, ATextThatCannotBeAnsweredIsANotice) {
  run("ab\xff\nhi\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("UTF-8"));
  EXPECT_EQ(replies_.str(), "A\n");
  EXPECT_EQ(failures_, 1);
}

TEST_F(ReplTest, LimitsAreTold) {
  context_ = 100;
  run("/set max_tokens 2\nhi\n/set max_tokens null\n/clear\n" + std::string(50, 'a') + "\nb\n",
      {'x'});
  EXPECT_THAT(notices_.str(), HasSubstr("2 tokens; /set max_tokens allows more"));
  EXPECT_THAT(notices_.str(), HasSubstr("the context of 100 tokens is full"));
  EXPECT_THAT(notices_.str(), HasSubstr("the 2 oldest messages are left out"));
}

TEST_F(ReplTest, JsonIsOneRecordPerTurn) {
  options_.json = true;
  run("one\nab\xff\n/stats\ntwo\n", {'A', kTurnEnd, 'B', kTurnEnd});
  std::istringstream lines(replies_.str());
  std::vector<io::Json> records;
  for (std::string line; std::getline(lines, line);)
    records.push_back(io::parse_json(line, "line"));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["reply"], "A");
  EXPECT_EQ(records[0]["ids"], (std::vector<int32_t>{'A', kTurnEnd}));
  EXPECT_EQ(records[0]["stop_reason"], "stop_token");
  EXPECT_EQ(records[0]["mode"], "chat");
  EXPECT_EQ(records[0]["context_length"], 4096);
  EXPECT_THAT(records[1]["error"]["expected"].get<std::string>(), HasSubstr("UTF-8"));
  EXPECT_GT(records[2]["cached_tokens"], 0);
}

TEST_F(ReplTest, VerboseTellsSpeedAfterEachReply) {
  options_.verbose = true;
  run("one\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("(2 tokens, "));
  EXPECT_THAT(notices_.str(), HasSubstr("first token after"));
}

TEST_F(ReplTest, ATerminalIsNotObeyed) {
  options_.is_terminal = true;
  run("one\n", {'a', 0x1b, '[', '2', 'J', 0xc2, 0x9b, kTurnEnd});
  EXPECT_EQ(replies_.str(), "a\xef\xbf\xbd[2J\xef\xbf\xbd\n");
}

TEST_F(ReplTest, ALongPromptIsAnnouncedAndTakenAway) {
  options_.is_terminal = true;
  run(std::string(1200, 'x') + "\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("\rreading 1,2"));
  EXPECT_TRUE(notices_.str().ends_with("\r\x1b[K"));
}

TEST_F(ReplTest, NoticesAreDimWhereColoursAreWanted) {
  options_.has_color = true;
  run("/clear\n", {kTurnEnd});
  EXPECT_EQ(notices_.str(), "\x1b[2m(the conversation is forgotten)\x1b[0m\n");
}

TEST_F(ReplTest, CompletesCommandsAndTheirArguments) {
  const Completer complete = command_completer();
  EXPECT_THAT(complete("/se").words, ElementsAre("/set"));
  EXPECT_THAT(complete("/s").words, ElementsAre("/save", "/set", "/show", "/stats", "/system"));
  EXPECT_THAT(complete("/set top").words, ElementsAre("top_k", "top_p"));
  EXPECT_EQ(complete("/set top").begin, 5U);
  EXPECT_THAT(complete("/template chat").words, ElementsAre("chatml"));
  EXPECT_THAT(complete("/help /un").words, ElementsAre("/undo"));
  EXPECT_TRUE(complete("/undo x").words.empty());
  EXPECT_TRUE(complete("/nonsense x").words.empty());
  folder_.file("talk.json", "");
  folder_.file("two words.json", "");
  std::filesystem::create_directory(folder_ / "tales");
  const std::string base = folder_.path().string() + "/";
  EXPECT_THAT(complete("/load " + base + "t").words,
              ElementsAre(base + "tales/", base + "talk.json", base + "two\\ words.json"));
  EXPECT_THAT(complete("/load \"" + base + "tw").words,
              ElementsAre("\"" + base + "two words.json"));
  EXPECT_THAT(complete("/load '" + base + "tw").words, ElementsAre("'" + base + "two words.json"));
  EXPECT_THAT(complete("/load " + base + "tw").words, ElementsAre(base + "two\\ words.json"));
  EXPECT_THAT(complete("/load " + base + "two\\ w").words, ElementsAre(base + "two\\ words.json"));
  EXPECT_THAT(complete("/load " + base + "two\\").words, ElementsAre(base + "two\\ words.json"));
  EXPECT_THAT(complete("/template " + base + "tw").words, ElementsAre(base + "two\\ words.json"));
  EXPECT_TRUE(complete("/read " + base + "talk.json Su").words.empty());
}

}  // namespace
}  // namespace llm::chat
