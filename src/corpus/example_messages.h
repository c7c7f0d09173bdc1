// Messages of rows in the one form that templates read: {role, content, ...}.
#pragma once

#include "corpus/example_row.h"

namespace llm::corpus {

io::OrderedJson make_message(const std::string& role, const std::string& content);

// A list of messages, or a single one; `place` is where it stands in the row. Roles get the names
// that templates know, parts of type text are joined, `content` is always there; all other fields
// are kept. Throws: DataError.
io::OrderedJson parse_messages(const ExampleRow& row, const io::OrderedJson& value,
                               const std::string& place);

bool has_role(const io::OrderedJson& message, std::string_view role);
// Neither text nor tool calls nor reasoning.
bool says_nothing(const io::OrderedJson& message);

// What every dialogue has to be, first message to last. Throws: DataError for no message at all and
// for a second system message.
void check_dialogue(const ExampleRow& row, const io::OrderedJson& messages);

// null, or the list of schemas in the tools column, which may also be JSON in a string. Throws:
// DataError.
io::OrderedJson parse_tools(const ExampleRow& row);

}  // namespace llm::corpus
