// What the readers of fine-tuning rows are held to under an arbitrary line: a typed exception
// (core::Error) with a place, or an example that an encoder can take. Shared by example_row_fuzz
// and tests/property/corpus.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "llm/core/error.h"
#include "llm/corpus/example.h"

namespace llm::fuzz {

inline void expect_example(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

inline void check_messages(const io::OrderedJson& messages) {
  expect_example(messages.is_array(), "messages that are no list");
  for (const io::OrderedJson& message : messages)
    expect_example(message.at("role").is_string() && message.at("content").is_string(),
                   "a message without role or content");
}

inline void check_example(const corpus::Example& example) {
  using enum corpus::ExampleKind;
  const bool is_dialogue = example.kind == kDialogue || example.kind == kPreference;
  check_messages(example.prompt);
  check_messages(example.completion);
  check_messages(example.rejected);
  expect_example(example.completion.empty() != is_dialogue, "an answer too many or too few");
  expect_example(example.rejected.empty() == (example.kind != kPreference), "a pair of one");
  expect_example(example.tools.is_null() || example.tools.is_array(), "tools that are no list");
  expect_example(example.documents.empty() == (example.kind != kTokens), "ids without need");
  if (is_dialogue)
    expect_example(example.completion[0]["role"] == "assistant", "an answer of somebody else");
  if (example.is_plain)
    expect_example(example.prompt.size() == 1 && example.completion.size() == 1, "plain, but long");
  for (const corpus::TrainingDocument& document : example.documents) {
    expect_example(document.ids.size() == document.trained.size(), "a mask of another length");
    for (const int32_t id : document.ids) expect_example(id >= 0, "a negative id");
  }
}

// True when the call succeeds, false when it refuses the line in the agreed way.
template <class Call>
bool accepts_row(const std::string& where, Call&& call) {
  try {
    call();
    return true;
  } catch (const core::Error& error) {
    expect_example(error.info().where.starts_with(where), "an error without a place");
    return false;
  }
}

// Whether the line is a row of any format.
inline bool example_row(std::string_view line) {
  const std::string where = "fuzz:1";
  io::OrderedJson row;
  if (!accepts_row(where, [&] { row = corpus::parse_example_json(line, where); })) return false;
  bool is_row = false;
  for (const auto& [format, unused] : config_enum_names(corpus::ExampleFormat{})) {
    const auto wanted = format;
    is_row |=
        accepts_row(where, [&] { check_example(corpus::parse_example(row, {}, wanted, where)); });
  }
  return is_row;
}

}  // namespace llm::fuzz
