// Oracle: the dialogue a person would see, with scripted lines and a scripted model.
#include "llm/chat/repl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "unit/generate/fakes.h"

namespace llm::chat {
namespace {

using generate::testing::ByteTokenizer;
using generate::testing::ScriptedModel;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int32_t kTurnEnd = 257;

class ReplTest : public ::testing::Test {
 protected:
  void run(
      const std::string& lines, std::vector<int32_t> script,
      std::function<bool()> take_interrupt = [] { return false; }) {
    const auto tokenizer =
        std::make_shared<ByteTokenizer>(std::vector<std::string>{"<|im_start|>", "<|im_end|>"});
    ScriptedModel model(tokenizer->vocab_size(), std::move(script));
    ChatSettings settings;
    settings.sampling.temperature = 0;
    settings.stop.ids = {kTurnEnd};
    settings.stop.max_tokens = 10;
    ChatSession session(model, tokenizer, text::jinja_of("chatml"), settings);
    std::istringstream in(lines);
    const auto input = make_stream_input(in);
    run_repl(session, *input, {replies_, notices_, std::move(take_interrupt)});
    messages_ = session.messages();
  }

  std::ostringstream replies_, notices_;
  std::vector<text::ChatMessage> messages_;
};

TEST_F(ReplTest, AnswersLinesUntilTheEnd) {
  run("one\r\n\ntwo", {'A', kTurnEnd, 'B', kTurnEnd});
  EXPECT_EQ(replies_.str(), "A\nB\n");
  EXPECT_EQ(notices_.str(), "");
  ASSERT_EQ(messages_.size(), 4U);
  EXPECT_EQ(messages_[0].content, "one");
}

TEST_F(ReplTest, CommandsAreNotShownToTheModel) {
  run("/system Be brief.\nhi\n/stats\n/nonsense\n/help\n/reset\n/quit\nnever", {'A', kTurnEnd});
  EXPECT_EQ(replies_.str(), "A\n");
  EXPECT_THAT(notices_.str(), HasSubstr("system prompt set"));
  EXPECT_THAT(notices_.str(), HasSubstr("stopped by stop_token"));
  EXPECT_THAT(notices_.str(), HasSubstr("unknown command /nonsense"));
  EXPECT_THAT(notices_.str(), HasSubstr("/quit"));
  ASSERT_EQ(messages_.size(), 1U);
  EXPECT_EQ(messages_[0].content, "Be brief.");
}

TEST_F(ReplTest, CtrlCStopsTheReplyAndNotTheProgram) {
  int asked = 0;
  run("one\ntwo\n", {'x'}, [&] { return ++asked == 4; });  // before the reply once, then per token
  EXPECT_EQ(replies_.str(), "xxx\nxxxxxxxxxx\n");
}

TEST_F(ReplTest, ATextThatCannotBeAnsweredIsANotice) {
  run("ab\xff\nhi\n", {'A', kTurnEnd});
  EXPECT_THAT(notices_.str(), HasSubstr("UTF-8"));
  EXPECT_EQ(replies_.str(), "A\n");
}

}  // namespace
}  // namespace llm::chat
