// Oracle: the rules of src/chat/message_reader.h, by hand.
#include "chat/message_reader.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace llm::chat {
namespace {

using Kind = InputLine::Kind;

class ScriptedInput : public LineInput {
 public:
  explicit ScriptedInput(std::deque<InputLine> lines) : lines_(std::move(lines)) {}
  InputLine next(bool continues) override {
    continued.push_back(continues);
    if (lines_.empty()) return {Kind::kEnd, ""};
    const InputLine line = lines_.front();
    lines_.pop_front();
    return line;
  }
  void remember(const std::string& text) override { remembered.push_back(text); }

  std::vector<bool> continued;
  std::vector<std::string> remembered;

 private:
  std::deque<InputLine> lines_;
};

ScriptedInput typed(const std::vector<std::string>& lines) {
  std::deque<InputLine> out;
  for (const auto& line : lines) out.push_back({Kind::kText, line});
  return ScriptedInput(std::move(out));
}

// All messages, and what they were called back as.
void expect_messages(const std::vector<std::string>& lines,
                     const std::vector<std::string>& messages,
                     const std::vector<std::string>& remembered) {
  ScriptedInput input = typed(lines);
  std::vector<std::string> got;
  for (auto message = read_message(input); message.kind == Kind::kText;
       message = read_message(input))
    got.push_back(message.text);
  EXPECT_EQ(got, messages);
  EXPECT_EQ(input.remembered, remembered);
}

TEST(MessageReader, ALineIsAMessage) {
  expect_messages({"one", "  ", " two "}, {"one", "  ", " two "}, {"one", " two "});
}

TEST(MessageReader, QuotesEncloseLines) {
  expect_messages({R"(""")", "a", "", "/b", R"(""")", "c"}, {"a\n\n/b", "c"},
                  {"\"\"\"\na\n\n/b\n\"\"\"", "c"});
  expect_messages({R"("""a)", R"(b""" )"}, {"a\nb"}, {"\"\"\"a\nb\"\"\" "});
  expect_messages({R"("""one line""")"}, {"one line"}, {R"("""one line""")"});
  expect_messages({R"("""""")"}, {""}, {R"("""""")"});
  expect_messages({R"(""" )", "a"}, {" \na"}, {"\"\"\" \na"});
}

TEST(MessageReader, ABlockCalledBackIsTheSameMessage) {
  ScriptedInput input = typed({"\"\"\"\na\n/b\n\"\"\""});
  const InputMessage message = read_message(input);
  EXPECT_EQ(message.text, "a\n/b");
  EXPECT_TRUE(message.is_verbatim);
  EXPECT_EQ(input.continued, (std::vector<bool>{false}));
}

TEST(MessageReader, PastedLinesAreTakenAsTheyAre) {
  expect_messages({"\"\"\"Doc.\"\"\"\ndef f():\\"}, {"\"\"\"Doc.\"\"\"\ndef f():\\"},
                  {"\"\"\"Doc.\"\"\"\ndef f():\\"});
}

TEST(MessageReader, ABackslashGoesOn) {
  expect_messages({R"(a\)", R"(b\)", "c", "d"}, {"a\nb\nc", "d"}, {"a\nb\nc", "d"});
  expect_messages({R"(C:\\)"}, {R"(C:\\)"}, {R"(C:\\)"});
  expect_messages({R"(a\)"}, {"a"}, {"a"});
  expect_messages({R"(a\)", "x\ny\\\nz"}, {"a\nx\ny\\\nz"}, {"a\nx\ny\\\nz"});
}

TEST(MessageReader, TheEndClosesABlockAndCtrlCDropsIt) {
  expect_messages({R"(""")", "a"}, {"a"}, {"\"\"\"\na"});
  ScriptedInput input(
      {{Kind::kText, R"(""")"}, {Kind::kText, "a"}, {Kind::kInterrupted, ""}, {Kind::kText, "b"}});
  EXPECT_EQ(read_message(input).kind, Kind::kInterrupted);
  EXPECT_EQ(read_message(input).text, "b");
  EXPECT_EQ(input.continued, (std::vector<bool>{false, true, true, false}));
  EXPECT_EQ(input.remembered, (std::vector<std::string>{"b"}));
}

}  // namespace
}  // namespace llm::chat
