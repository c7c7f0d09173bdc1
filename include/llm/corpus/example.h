// One row of fine-tuning data, whatever format people wrote it in: a JSON object on a line.
//
//   format             columns                                              becomes
//   text               text                                                 a text
//   alpaca             instruction, output; input, system, history          a dialogue
//   sharegpt           conversations [{from, value}]; system, tools         a dialogue
//   messages           messages [{role, content, ...}]; system, tools       a dialogue
//   prompt_completion  prompt, completion (texts or messages)               a dialogue
//   preference         chosen, rejected (texts, a message, or messages); the prompt is prompt,
//                      conversations, or instruction with input, or else what both lists of
//                      messages begin with                                  a pair of dialogues
//   tokens             input_ids; labels                                    ids
//                      chosen_input_ids, rejected_input_ids; *_labels       a pair of ids
//
// Columns behind ";" may be absent, null counts as absent, other columns are left alone. In
// messages, `from` and `value` stand for `role` and `content` wherever those are missing, and the
// names of other formats for the roles (human, gpt, ...) become the ones that templates know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/io/json.h"

namespace llm::corpus {

enum class ExampleFormat {
  kAuto,
  kText,
  kAlpaca,
  kSharegpt,
  kMessages,
  kPromptCompletion,
  kPreference,
  kTokens
};
const std::vector<std::pair<ExampleFormat, std::string>>& config_enum_names(ExampleFormat);
const std::string& format_name(ExampleFormat format);

enum class ExampleKind { kText, kDialogue, kPreference, kTokens };

// What the columns are called. An empty name: the column is not looked at. The columns of token
// pairs have the names of `chosen` and `rejected` and "_" in front of those of single rows.
struct ExampleColumns {
  std::string text = "text";
  std::string instruction = "instruction";
  std::string input = "input";
  std::string output = "output";
  std::string system = "system";
  std::string history = "history";
  std::string conversations = "conversations";
  std::string messages = "messages";
  std::string role = "role";
  std::string content = "content";
  std::string from = "from";
  std::string value = "value";
  std::string tools = "tools";
  std::string prompt = "prompt";
  std::string completion = "completion";
  std::string chosen = "chosen";
  std::string rejected = "rejected";
  std::string input_ids = "input_ids";
  std::string labels = "labels";
  std::string attention_mask = "attention_mask";

  template <class V>
  void visit(V& v) {
    v.field("text", text, "column of a text");
    v.field("instruction", instruction, "alpaca: column of the instruction");
    v.field("input", input, "alpaca: column of what the instruction is about");
    v.field("output", output, "alpaca: column of the answer");
    v.field("system", system, "column of the system message");
    v.field("history", history, "alpaca: column of earlier turns, a list of [user, assistant]");
    v.field("conversations", conversations, "sharegpt: column of the list of messages");
    v.field("messages", messages, "messages: column of the list of messages");
    v.field("role", role, "field of a message: who says it");
    v.field("content", content, "field of a message: what is said");
    v.field("from", from, "another name of that field: who says it");
    v.field("value", value, "another name of that field: what is said");
    v.field("tools", tools, "column of the tools that the assistant may call");
    v.field("prompt", prompt, "column of the prompt, a text or messages");
    v.field("completion", completion, "column of the answer, a text or messages");
    v.field("chosen", chosen, "column of the better answer");
    v.field("rejected", rejected, "column of the worse answer");
    v.field("input_ids", input_ids, "column of token ids");
    v.field("labels", labels, "column of labels: -100 where a token is not trained, or its id");
    v.field("attention_mask", attention_mask, "column of ones, as long as the ids");
  }
};

struct TrainingDocument {
  std::vector<int32_t> ids;
  std::vector<bool> trained;  // one per id
};
// Trained tokens. The first token of a document does not count: nothing predicts it.
uint64_t count_trained(const TrainingDocument& document);

struct Example {
  ExampleKind kind = ExampleKind::kText;
  ExampleFormat format = ExampleFormat::kText;
  std::string where;  // file:line, for messages
  std::string text;   // kText
  // Lists of messages {role, content, ...}, where content is a string. kDialogue: `completion`
  // begins with an assistant's message: the answer of a prompt/completion row, else the last one
  // of the dialogue and what follows it. kPreference: `completion` is the chosen answer.
  io::OrderedJson prompt = io::OrderedJson::array();
  io::OrderedJson completion = io::OrderedJson::array();
  io::OrderedJson rejected = io::OrderedJson::array();
  io::OrderedJson tools = nullptr;  // or a list of JSON schemas
  // `prompt` is one user message and the answers one assistant message each, and both were written
  // as texts.
  bool is_plain = false;
  std::vector<TrainingDocument> documents;  // kTokens: one, or chosen and rejected

  bool is_pair() const { return kind == ExampleKind::kPreference || documents.size() == 2; }
};

// The object on a line. Throws: DataError naming `where` and the column.
io::OrderedJson parse_example_json(std::string_view line, const std::string& where);

// The one format whose columns the row has. Throws: DataError when it has those of none, or of more
// than one.
ExampleFormat detect_format(const io::OrderedJson& row, const ExampleColumns& columns,
                            const std::string& where);

// Columns of the row that `format` does not look at. Requires: `format` is not kAuto.
std::vector<std::string> unused_columns(const io::OrderedJson& row, const ExampleColumns& columns,
                                        ExampleFormat format);

// `where` is "file:line". Thread-safe. Throws: DataError that names where, the place in the row,
// what was expected and found: for missing columns (and then the format that the row does have),
// wrong types, roles that nobody has, a second system message, a dialogue without an assistant's
// message, labels that are neither -100 nor the id at their place.
Example parse_example(const io::OrderedJson& row, const ExampleColumns& columns,
                      ExampleFormat format, const std::string& where);

}  // namespace llm::corpus
