// The plain terminal: one line is one turn, replies stream, a few commands.
#pragma once

#include <functional>
#include <iosfwd>

#include "llm/chat/chat_session.h"
#include "llm/chat/line_input.h"

namespace llm::chat {

struct ReplOptions {
  std::ostream& replies;  // what the model says, each reply ended by a newline
  std::ostream& notices;  // everything else
  // True when Ctrl-C was pressed since the last call: asked after every token, ends the reply.
  std::function<bool()> take_interrupt;
};

// Reads lines until /quit or the end of the input. Lines that begin with '/' are commands (/help
// lists them). A text that cannot be answered (too long, not UTF-8) is a notice and the loop goes
// on; other exceptions leave.
void run_repl(ChatSession& session, LineInput& input, const ReplOptions& options);

}  // namespace llm::chat
