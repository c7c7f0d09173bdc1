// The conversation in the terminal, or line by line in a pipe: what is typed is a message, replies
// stream, lines that begin with '/' are commands (docs/chat.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "llm/chat/chat_session.h"
#include "llm/chat/line_input.h"

namespace llm::chat {

struct ReplOptions {
  std::ostream& replies;  // what the model says, each reply ended by a newline
  std::ostream& notices;  // everything else
  // True when Ctrl-C was pressed since the last call: asked after every token, ends the reply.
  std::function<bool()> take_interrupt;
  // A person reads along on a terminal: hints, a note while a long prompt is read, and control
  // characters in replies are shown as U+FFFD.
  bool is_terminal = false;
  bool has_color = false;
  bool json = false;  // one reply_record per line in place of the text; {"error": ...} for a turn
                      // that failed
  bool verbose = false;  // reply_summary after each reply
  // What /show says about the model: names and values.
  std::vector<std::pair<std::string, std::string>> about = {};
  // Conversation files that the session began with, which /save may replace.
  std::vector<std::filesystem::path> own_files = {};
};

// Reads until /exit or the end of the input. A text that cannot be answered (too long, not UTF-8)
// and a command that fails are notices, and the loop goes on; the result is how many there were.
// Exceptions other than core::Error leave.
int64_t run_repl(ChatSession& session, LineInput& input, const ReplOptions& options);

// Commands, their files, settings and templates, for TerminalOptions.
Completer command_completer();

}  // namespace llm::chat
