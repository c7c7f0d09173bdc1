#include "corpus/example_dialogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "corpus/blank.h"
#include "corpus/example_messages.h"

namespace llm::corpus {
namespace {

using io::OrderedJson;

void append_messages(OrderedJson& messages, const OrderedJson& more) {
  for (const OrderedJson& message : more) messages.push_back(message);
}

// The system column's message, if there is one.
OrderedJson system_message(const ExampleRow& row) {
  const std::string text = row.text_or_empty(row.columns().system);
  return is_blank(text) ? OrderedJson::array() : OrderedJson::array({make_message("system", text)});
}

// [["question", "answer"], ...]
OrderedJson history_messages(const ExampleRow& row) {
  const std::string& name = row.columns().history;
  OrderedJson out = OrderedJson::array();
  const OrderedJson* history = row.find(name);
  if (!history) return out;
  const std::string expected = "a list of [user, assistant] pairs of strings";
  if (!history->is_array()) row.fail(name, expected, json_kind(*history));
  for (const OrderedJson& turn : *history) {
    const bool is_pair =
        turn.is_array() && turn.size() == 2 && turn[0].is_string() && turn[1].is_string();
    if (!is_pair) row.fail(name, expected, turn.is_array() ? "another list" : json_kind(turn));
    out.push_back(make_message("user", turn[0].get<std::string>()));
    out.push_back(make_message("assistant", turn[1].get<std::string>()));
  }
  return out;
}

// The prompt of an alpaca row; plain when it is an instruction alone.
bool parse_instruction(const ExampleRow& row, OrderedJson& prompt) {
  const std::string input = row.text_or_empty(row.columns().input);
  std::string text = row.text(row.columns().instruction);
  if (!is_blank(input)) text += "\n" + input;
  append_messages(prompt, history_messages(row));
  prompt.push_back(make_message("user", text));
  return prompt.size() == 1;
}

// A text is a message of `role`, and plain.
bool parse_text_or_messages(const ExampleRow& row, const std::string& column,
                            const std::string& role, OrderedJson& out) {
  const OrderedJson& value = *row.find(column);
  const bool is_text = value.is_string();
  append_messages(out, is_text ? OrderedJson::array({make_message(role, value.get<std::string>())})
                               : parse_messages(row, value, column));
  return is_text;
}

void require_answer(const ExampleRow& row, const std::string& column, const OrderedJson& answer) {
  if (!answer.empty() && has_role(answer[0], "assistant")) return;
  row.fail(column, "an answer that begins with an assistant's message",
           answer.empty() ? "none" : "one of role " + answer[0]["role"].dump());
}

void finish(const ExampleRow& row, Example& example) {
  example.tools = parse_tools(row);
  OrderedJson system = system_message(row);
  append_messages(system, example.prompt);
  example.prompt = std::move(system);
  example.is_plain = example.is_plain && example.prompt.size() == 1 && example.tools.is_null();
  for (const OrderedJson* answer : {&example.completion, &example.rejected}) {
    OrderedJson dialogue = example.prompt;
    append_messages(dialogue, *answer);
    check_dialogue(row, dialogue);
  }
}

bool begins_with(const OrderedJson& messages, const OrderedJson& beginning) {
  return messages.size() > beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), messages.begin());
}

OrderedJson without_first(const OrderedJson& messages, size_t count) {
  OrderedJson out = OrderedJson::array();
  for (size_t i = count; i < messages.size(); ++i) out.push_back(messages[i]);
  return out;
}

// What both begin with; each keeps at least one message.
OrderedJson shared_beginning(const OrderedJson& a, const OrderedJson& b) {
  OrderedJson shared = OrderedJson::array();
  while (shared.size() + 1 < std::min(a.size(), b.size()) && a[shared.size()] == b[shared.size()])
    shared.push_back(a[shared.size()]);
  return shared;
}

// Where the row has a prompt of its own; "" when its answers hold it.
std::string prompt_column(const ExampleRow& row) {
  const ExampleColumns& c = row.columns();
  std::vector<std::string> found;
  for (const std::string* name : {&c.prompt, &c.conversations, &c.instruction})
    if (row.has(*name)) found.push_back(*name);
  if (found.size() > 1)
    row.fail("", "one prompt", fmt::format("the columns {}", fmt::join(found, " and ")),
             "Name those \"\" in the settings of \"columns\" that are not the prompt");
  return found.empty() ? "" : found[0];
}

// Answers may repeat the prompt, as lists of messages do that are whole dialogues.
void separate_prompt(const ExampleRow& row, Example& example) {
  if (example.prompt.empty()) {
    example.prompt = shared_beginning(example.completion, example.rejected);
    if (example.prompt.empty())
      row.fail("", "a prompt",
               "none: neither a column of its own nor messages that both answers begin with",
               fmt::format("Give it as \"{}\"", row.columns().prompt));
  } else if (!begins_with(example.completion, example.prompt) ||
             !begins_with(example.rejected, example.prompt)) {
    return;
  }
  example.completion = without_first(example.completion, example.prompt.size());
  example.rejected = without_first(example.rejected, example.prompt.size());
}

}  // namespace

void parse_alpaca(const ExampleRow& row, Example& example) {
  example.is_plain = parse_instruction(row, example.prompt);
  example.completion.push_back(make_message("assistant", row.text(row.columns().output)));
  finish(row, example);
}

void parse_message_list(const ExampleRow& row, const std::string& column, Example& example) {
  const OrderedJson messages = parse_messages(row, *row.find(column), column);
  size_t last = messages.size();
  while (last > 0 && !has_role(messages[last - 1], "assistant")) --last;
  if (last == 0) row.fail(column, "at least one message of the assistant", "none");
  for (size_t i = 0; i < messages.size(); ++i)
    (i + 1 < last ? example.prompt : example.completion).push_back(messages[i]);
  finish(row, example);
}

void parse_prompt_completion(const ExampleRow& row, Example& example) {
  const ExampleColumns& c = row.columns();
  const bool is_plain_prompt = parse_text_or_messages(row, c.prompt, "user", example.prompt);
  const bool is_plain_answer =
      parse_text_or_messages(row, c.completion, "assistant", example.completion);
  example.is_plain = is_plain_prompt && is_plain_answer;
  require_answer(row, c.completion, example.completion);
  finish(row, example);
}

void parse_preference(const ExampleRow& row, Example& example) {
  const ExampleColumns& c = row.columns();
  const std::string column = prompt_column(row);
  example.is_plain = !column.empty();
  if (column == c.instruction && !column.empty()) {
    example.is_plain = parse_instruction(row, example.prompt);
  } else if (!column.empty()) {
    example.is_plain = parse_text_or_messages(row, column, "user", example.prompt);
  }
  const bool is_plain_chosen =
      parse_text_or_messages(row, c.chosen, "assistant", example.completion);
  const bool is_plain_rejected =
      parse_text_or_messages(row, c.rejected, "assistant", example.rejected);
  example.is_plain = example.is_plain && is_plain_chosen && is_plain_rejected;
  separate_prompt(row, example);
  require_answer(row, c.chosen, example.completion);
  require_answer(row, c.rejected, example.rejected);
  finish(row, example);
}

}  // namespace llm::corpus
