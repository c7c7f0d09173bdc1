// Oracle: one conversation written in every format there is, which must come out the same; a table
// of broken rows with what their messages have to name.
#include "llm/corpus/example.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "unit/corpus/example_fixture.h"

namespace llm::corpus {
namespace {

using io::OrderedJson;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

OrderedJson whole(const Example& example) {
  OrderedJson all = example.prompt;
  for (const OrderedJson& message : example.completion) all.push_back(message);
  return all;
}

// system, user, assistant, user, assistant.
const OrderedJson& conversation() {
  static const OrderedJson messages = {{{"role", "system"}, {"content", "be kind"}},
                                       {{"role", "user"}, {"content", "first\nthing"}},
                                       {{"role", "assistant"}, {"content", "yes"}},
                                       {{"role", "user"}, {"content", "second"}},
                                       {{"role", "assistant"}, {"content", "no"}}};
  return messages;
}

struct FormatCase {
  ExampleFormat format;
  std::string row;
};

std::vector<FormatCase> conversation_rows() {
  const std::string turns =
      R"([{"from": "system", "value": "be kind"}, {"from": "human", "value": "first\nthing"},)"
      R"( {"from": "gpt", "value": "yes"}, {"from": "human", "value": "second"},)"
      R"( {"from": "gpt", "value": "no"}])";
  const std::string prompt =
      R"([{"role": "user", "content": "first\nthing"}, {"role": "assistant", "content": "yes"},)"
      R"( {"role": "user", "content": "second"}])";
  return {
      {ExampleFormat::kMessages, R"({"messages": )" + conversation().dump() + "}"},
      {ExampleFormat::kSharegpt, R"({"conversations": )" + turns + "}"},
      {ExampleFormat::kMessages, R"({"messages": )" + turns + "}"},
      {ExampleFormat::kAlpaca,
       R"({"instruction": "second", "input": "", "output": "no", "system": "be kind",)"
       R"( "history": [["first\nthing", "yes"]]})"},
      {ExampleFormat::kPromptCompletion,
       R"({"prompt": )" + prompt + R"(, "completion": "no", "system": "be kind"})"},
      {ExampleFormat::kPromptCompletion,
       R"({"prompt": )" + prompt +
           R"(, "completion": [{"role": "assistant", "content": "no"}], "system": "be kind"})"},
  };
}

TEST(ExampleFormats, OneConversationInEachOfThem) {
  for (const FormatCase& one : conversation_rows()) {
    const Example example = example_of(one.row);
    EXPECT_EQ(example.format, one.format) << one.row;
    EXPECT_EQ(example.kind, ExampleKind::kDialogue);
    EXPECT_EQ(whole(example), conversation()) << one.row;
    EXPECT_EQ(example.completion.size(), 1u);
    EXPECT_FALSE(example.is_plain);
    EXPECT_EQ(example.where, "rows.jsonl:7");
  }
}

TEST(ExampleFormats, OnePairInEachOfThem) {
  const std::string user = R"({"role": "user", "content": "q\nx"})";
  const std::string good = R"({"role": "assistant", "content": "good"})";
  const std::string bad = R"({"role": "assistant", "content": "bad"})";
  const std::vector<std::string> rows = {
      R"({"prompt": "q\nx", "chosen": "good", "rejected": "bad"})",
      R"({"instruction": "q", "input": "x", "chosen": "good", "rejected": "bad"})",
      R"({"prompt": [)" + user + R"(], "chosen": [)" + good + R"(], "rejected": [)" + bad + "]}",
      R"({"chosen": [)" + user + "," + good + R"(], "rejected": [)" + user + "," + bad + "]}",
      R"({"prompt": "q\nx", "chosen": [)" + user + "," + good + R"(], "rejected": [)" + user + "," +
          bad + "]}",
      R"({"conversations": [{"from": "human", "value": "q\nx"}], "chosen": {"from": "gpt",)"
      R"( "value": "good"}, "rejected": {"from": "gpt", "value": "bad"}})"};
  for (size_t i = 0; i < rows.size(); ++i) {
    const Example example = example_of(rows[i]);
    EXPECT_EQ(example.format, ExampleFormat::kPreference);
    EXPECT_TRUE(example.is_pair());
    EXPECT_EQ(example.prompt, OrderedJson::array({OrderedJson::parse(user)})) << rows[i];
    EXPECT_EQ(example.completion, OrderedJson::array({OrderedJson::parse(good)})) << rows[i];
    EXPECT_EQ(example.rejected, OrderedJson::array({OrderedJson::parse(bad)})) << rows[i];
    EXPECT_EQ(example.is_plain, i < 2) << rows[i];
  }
}

TEST(ExampleFormats, EqualAnswersStillHaveAPrompt) {
  const std::string list =
      R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])";
  const Example example = example_of(R"({"chosen": )" + list + R"(, "rejected": )" + list + "}");
  EXPECT_EQ(example.prompt.size(), 1u);
  EXPECT_EQ(example.completion, example.rejected);
}

TEST(ExampleFormats, TextsTokensAndPairsOfTokens) {
  EXPECT_EQ(example_of(R"({"text": "a\nb"})").text, "a\nb");
  const Example one = example_of(R"({"input_ids": [1, 2, 3], "labels": [-100, 2, 3]})");
  EXPECT_THAT(one.documents.at(0).ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(one.documents.at(0).trained, ElementsAre(false, true, true));
  EXPECT_FALSE(one.is_pair());
  const Example pair = example_of(
      R"({"chosen_input_ids": [1, 2], "chosen_labels": [-100, 2], "rejected_input_ids": [1, 3],)"
      R"( "rejected_labels": [-100, 3], "chosen_attention_mask": [1, 1]})");
  EXPECT_TRUE(pair.is_pair());
  EXPECT_THAT(pair.documents.at(1).ids, ElementsAre(1, 3));
  EXPECT_THAT(example_of(R"({"input_ids": [4]})").documents.at(0).trained, ElementsAre(true));
}

TEST(ExampleFormats, ColumnsOfOtherNames) {
  ExampleColumns columns;
  columns.prompt = "question";
  columns.completion = "answer";
  const std::string row = R"({"question": "q", "answer": "a", "prompt": null, "id": 3})";
  const Example example = example_of(row, ExampleFormat::kAuto, columns);
  EXPECT_EQ(example.format, ExampleFormat::kPromptCompletion);
  EXPECT_TRUE(example.is_plain);
  EXPECT_THAT(unused_columns(OrderedJson::parse(row), columns, example.format), ElementsAre("id"));
  EXPECT_THAT(unused_columns(OrderedJson::parse(row), columns, ExampleFormat::kText),
              ElementsAre("question", "answer", "id"));
  EXPECT_FALSE(example_of(R"({"question": "q", "answer": "a", "system": "s"})",
                          ExampleFormat::kAuto, columns)
                   .is_plain);
  columns.system = "";
  EXPECT_TRUE(example_of(R"({"question": "q", "answer": "a", "system": "linux"})",
                         ExampleFormat::kAuto, columns)
                  .is_plain);
}

TEST(ExampleFormats, MessagesKeepTheirOtherFields) {
  const Example example = example_of(
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text",)"
      R"( "text": "b"}]}, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},)"
      R"( {"role": "tool", "content": "1", "tool_call_id": "x"}, {"role": "assistant", "content":)"
      R"( "c", "reasoning_content": "d"}, {"role": "user", "content": "e"}], "tools": "[{\"n\": 1}]"})");
  ASSERT_EQ(example.prompt.size(), 3u);
  EXPECT_EQ(example.prompt[0]["content"], "ab");
  EXPECT_EQ(example.prompt[1]["content"], "");
  EXPECT_EQ(example.prompt[1]["tool_calls"][0]["function"]["name"], "f");
  EXPECT_EQ(example.prompt[2]["tool_call_id"], "x");
  EXPECT_EQ(example.completion[0]["reasoning_content"], "d");
  EXPECT_EQ(example.completion[1]["content"], "e");
  EXPECT_EQ(example.tools, OrderedJson::parse(R"([{"n": 1}])"));
}

TEST(ExampleFormats, FunctionCallsOfSharegptBecomeToolCalls) {
  const Example example = example_of(
      R"({"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value":)"
      R"( "{\"name\": \"f\", \"arguments\": {\"a\": 1}}"}, {"from": "observation", "value": "2"},)"
      R"( {"from": "gpt", "value": "c"}], "tools": ""})");
  EXPECT_EQ(example.prompt[1]["role"], "assistant");
  EXPECT_EQ(example.prompt[1]["tool_calls"][0]["function"]["arguments"]["a"], 1);
  EXPECT_EQ(example.prompt[2]["role"], "tool");
  EXPECT_TRUE(example.tools.is_null());
}

struct BrokenRow {
  std::string row;
  std::vector<std::string> names;  // what the message has to hold
  ExampleFormat format = ExampleFormat::kAuto;
};

const std::vector<BrokenRow>& broken_rows() {
  static const std::vector<BrokenRow> rows = {
      {R"({"text": )", {"rows.jsonl:7:10", "JSON"}},
      {"[1]", {"rows.jsonl:7", "a JSON object", "a list"}},
      {"{}", {"no column at all", "alpaca (instruction, output)"}},
      {R"({"txt": "a", "id": 1})", {"the columns txt, id", "\"txt\" what is \"text\""}},
      {R"({"text": "a", "prompt": "b", "completion": "c"})", {"text (text) and prompt_completion"}},
      {R"({"messages": [{"role": "user", "content": "a"}]})", {"messages", "of the assistant"}},
      {R"({"messages": []})", {"at least one message"}},
      {R"({"messages": "a"})", {"a list of messages", "a string"}},
      {R"({"messages": ["a"]})", {"messages[0]", "an object"}},
      {R"({"messages": [{"content": "a"}]})", {"messages[0]", "a \"role\"", "one with content"}},
      {R"({"messages": [{"role": "robot", "content": "a"}]})", {"messages[0]: role", "\"robot\""}},
      {R"({"messages": [{"role": 1, "content": "a"}]})", {"role", "a number"}},
      {R"({"messages": [{"role": "user"}]})", {"messages[0]: content", "nothing"}},
      {R"({"messages": [{"role": "user", "content": 3}]})", {"content", "a string", "a number"}},
      {R"({"messages": [{"role": "user", "content": [{"type": "image"}]}]})", {"\"image\""}},
      {R"({"messages": [{"role": "assistant", "content": "", "tool_calls": "f"}]})",
       {"tool_calls"}},
      {R"({"messages": [{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}],)"
       R"( "system": "c"})",
       {"at most one system message", "2", "The column \"system\""}},
      {R"({"instruction": 1, "output": "a"})", {"instruction", "a string", "a number"}},
      {R"({"instruction": "a", "output": "b", "history": [["c"]]})", {"history", "pairs"}},
      {R"({"prompt": "a", "completion": "b", "label": false})", {"label", "good or bad"}},
      {R"({"prompt": "a", "completion": [{"role": "user", "content": "b"}]})",
       {"completion", "assistant", "\"user\""}},
      {R"({"chosen": "a", "rejected": "b"})", {"a prompt", "Give it as \"prompt\""}},
      {R"({"prompt": "p", "instruction": "q", "chosen": "a", "rejected": "b"})",
       {"prompt and instruction"}},
      {R"({"messages": [{"role": "assistant", "content": "a"}], "tools": "{"})", {"tools"}},
      {R"({"messages": [{"role": "assistant", "content": "a"}], "tools": {"a": 1}})",
       {"a list of tools", "an object"}},
      {R"({"conversations": [{"from": "function_call", "value": "f"}]})",
       {"conversations[0]", "no JSON"}},
      {R"({"input_ids": [1, "a"]})", {"input_ids[1]", "a whole number", "a string"}},
      {R"({"input_ids": [-1]})", {"input_ids[0]", "a token id", "-1"}},
      {R"({"input_ids": [9999999999]})", {"input_ids[0]", "a token id", "9999999999"}},
      {R"({"input_ids": [18446744073709551615]})", {"input_ids[0]", "a token id"}},
      {R"({"input_ids": [1, 2], "labels": [1]})", {"labels", "2 numbers"}},
      {R"({"input_ids": [1, 2], "labels": [2, -100]})", {"labels[0]", "-100", "not shifted"}},
      {R"({"input_ids": [1, 2], "attention_mask": [1, 0]})", {"attention_mask[1]", "padding"}},
      {R"({"messages": [{"role": "assistant", "content": "a"}]})",
       {"alpaca (instruction, output)", "messages (messages)", "split the file"},
       ExampleFormat::kAlpaca},
      {R"({"instruction": "a", "outputs": "b"})",
       {"the columns instruction, outputs", "\"outputs\" what is \"output\""},
       ExampleFormat::kAlpaca},
  };
  return rows;
}

TEST(ExampleErrors, NameThePlaceAndWhatIsWrong) {
  for (const BrokenRow& one : broken_rows()) {
    const std::string message =
        test::error_text<core::DataError>([&] { example_of(one.row, one.format); });
    EXPECT_EQ(message.find("rows.jsonl:7"), 0u) << one.row << "\n" << message;
    for (const std::string& name : one.names) EXPECT_THAT(message, HasSubstr(name)) << one.row;
  }
}

TEST(ExampleErrors, ExplicitFormatsSettleWhatColumnsLeaveOpen) {
  const std::string row = R"({"text": "t", "instruction": "a", "output": "b"})";
  EXPECT_EQ(example_of(row, ExampleFormat::kAlpaca).kind, ExampleKind::kDialogue);
  EXPECT_EQ(example_of(row, ExampleFormat::kText).text, "t");
}

}  // namespace
}  // namespace llm::corpus
