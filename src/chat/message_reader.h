// Puts lines together to what a person means to send.
#pragma once

#include <string>

#include "llm/chat/line_input.h"

namespace llm::chat {

struct InputMessage {
  InputLine::Kind kind = InputLine::Kind::kText;
  std::string text;
  bool is_verbatim = false;  // from a """ block: never a command
};

// - Lines between """ and """ are one message, verbatim. A block opens at the start of a line and
//   closes at the end of one, or with the end of the input.
// - A line that ends with an odd number of backslashes goes on in the next one; the last backslash
//   becomes a newline.
// - A line that holds newlines itself (pasted, called back) is taken as it is.
// What was read is remembered by the input as it was typed.
InputMessage read_message(LineInput& input);

}  // namespace llm::chat
