// Oracle: the JSON that people exchange conversations in, by hand; what was written is read again.
#include "llm/chat/conversation_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "support/error_text.h"
#include "support/temp_directory.h"
#include "unit/generate/fakes.h"

namespace llm::chat {
namespace {

using ::testing::HasSubstr;

class ConversationFileTest : public ::testing::Test {
 protected:
  Conversation read(const std::string& json) const {
    return read_conversation(folder_.file("in.json", json), defaults_);
  }
  template <class Error>
  std::string error_of(const std::string& json) const {
    return test::error_text<Error>([&] { read(json); });
  }
  test::TempDirectory folder_;
  ChatSettings defaults_;
};

TEST_F(ConversationFileTest, ComesBackAsItWas) {
  Conversation out;
  out.messages = {{"system", "S"}, {"user", "\"한글\"\n🙂"}, {"assistant", ""}};
  out.settings.sampling.seed = 5;
  out.settings.sampling.top_p = 0.25;
  out.settings.max_tokens = std::nullopt;
  out.settings.stop = {"\n\n", "END"};
  write_conversation(folder_ / "talk.json", out);
  const Conversation in = read_conversation(folder_ / "talk.json", defaults_);
  ASSERT_EQ(in.messages.size(), 3U);
  EXPECT_EQ(in.messages[1].content, out.messages[1].content);
  EXPECT_TRUE(
      core::diff_config(core::dump_config(in.settings), core::dump_config(out.settings)).empty());
}

TEST_F(ConversationFileTest, ReadsWhatOthersWrite) {
  defaults_.sampling.top_k = 3;
  const auto list = read(R"([{"role": "user", "content": "hi", "id": 7}])");
  ASSERT_EQ(list.messages.size(), 1U);
  EXPECT_EQ(list.settings.sampling.top_k, 3);
  const auto parts = read(R"({"model": "m", "system": "S", "settings": {"temperature": 0},
      "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"text": "b"}]},
                   {"role": "assistant", "content": null, "tool_calls": []}]})");
  ASSERT_EQ(parts.messages.size(), 3U);
  EXPECT_EQ(parts.messages[0].content, "S");
  EXPECT_EQ(parts.messages[1].content, "ab");
  EXPECT_EQ(parts.messages[2].content, "");
  EXPECT_EQ(parts.settings.sampling.temperature, 0);
  EXPECT_EQ(parts.settings.sampling.top_k, 3);
}

TEST_F(ConversationFileTest, ErrorsNameFileAndPlace) {
  using core::FormatError;
  EXPECT_THAT(error_of<FormatError>("{"), HasSubstr("in.json"));
  EXPECT_THAT(error_of<FormatError>("3"), HasSubstr("a list of messages"));
  EXPECT_THAT(error_of<FormatError>(R"({"a": 1})"), HasSubstr("an object without them"));
  EXPECT_THAT(error_of<FormatError>(R"([{"role": "user", "content": "a"}, 4])"),
              HasSubstr("in.json: [1]: "));
  EXPECT_THAT(error_of<FormatError>(R"({"messages": [{"content": "a"}]})"),
              HasSubstr("in.json: messages[0].role: expected a text, got nothing"));
  EXPECT_THAT(error_of<FormatError>(R"([{"role": "user", "content": 1}])"),
              HasSubstr("[0].content: expected a text, got number"));
  EXPECT_THAT(error_of<FormatError>(
                  R"([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}])"),
              HasSubstr("[0].content[0]: expected a part of type text"));
  EXPECT_THAT(error_of<FormatError>(
                  R"([{"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}])"),
              HasSubstr("tool_calls"));
  EXPECT_THAT(
      error_of<FormatError>(R"({"system": "a", "messages": [{"role": "system", "content": "b"}]})"),
      HasSubstr("one system message"));
  EXPECT_THAT(error_of<core::ConfigError>(R"({"messages": [], "settings": {"temprature": 1}})"),
              HasSubstr("temperature"));
  EXPECT_THAT(error_of<core::ConfigError>(R"({"messages": [], "settings": {"top_p": 7}})"),
              HasSubstr("top_p"));
  EXPECT_THAT(
      test::error_text<core::IoError>([&] { read_conversation(folder_ / "none", defaults_); }),
      HasSubstr("No such file"));
}

TEST_F(ConversationFileTest, ReplacesOnlyConversations) {
  const auto notes = folder_.file("notes.txt", "my notes");
  EXPECT_THROW(write_conversation(notes, {{{"user", "new"}}, {}}), core::ConfigError);
  EXPECT_EQ(test::read_bytes(notes), "my notes");
  const auto config = folder_.file("config.json", R"({"hidden_size": 64})");
  EXPECT_THROW(write_conversation(config, {{{"user", "new"}}, {}}), core::ConfigError);
  const auto talk = folder_.file("talk.json", R"([{"role": "user", "content": "old"}])");
  write_conversation(talk, {{{"user", "new"}}, {}});
  EXPECT_EQ(read_conversation(talk, defaults_).messages[0].content, "new");
  EXPECT_THROW(write_conversation(talk, {}), core::DataError) << "nothing to save";
  EXPECT_EQ(read_conversation(talk, defaults_).messages.size(), 1U);
}

TEST_F(ConversationFileTest, KeepsWhatElseAFileHolds) {
  const auto talk = folder_.file("talk.json", R"({"title": "t", "system": "old", "messages": []})");
  write_conversation(talk, {{{"system", "new"}, {"user", "a"}}, {}});
  EXPECT_EQ(io::read_json_file(talk)["title"], "t");
  const Conversation in = read_conversation(talk, defaults_);
  ASSERT_EQ(in.messages.size(), 2U);
  EXPECT_EQ(in.messages[0].content, "new");
}

TEST_F(ConversationFileTest, WhatCannotBeRestoredChangesNothing) {
  const auto tokenizer = std::make_shared<generate::testing::ByteTokenizer>();
  generate::testing::ScriptedModel model(tokenizer->vocab_size(), {65, 256});
  ChatSettings settings;
  settings.sampling.top_k = 3;
  ChatSession session(model, tokenizer, std::nullopt, {256}, settings);
  session.reply("a");
  EXPECT_THROW(restore({{{"system", "no template carries this"}}, {}}, session), core::ConfigError);
  EXPECT_EQ(session.settings().sampling.top_k, 3);
  EXPECT_EQ(session.messages().size(), 2U);
  EXPECT_THROW(restore({{}, {.stop = {""}}}, session), core::ConfigError);
  EXPECT_EQ(session.messages().size(), 2U);
}

}  // namespace
}  // namespace llm::chat
