// Lines a person types, from a terminal or from a stream.
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/chat/ctrl_c.h"

namespace llm::chat {

struct InputLine {
  enum class Kind {
    kText,
    kInterrupted,  // Ctrl-C while typing: the line is dropped
    kEnd           // Ctrl-D, or the end of the stream
  };
  Kind kind = Kind::kText;
  // Without the line's end. What was pasted or called back whole may hold newlines.
  std::string text;
};

// Not thread-safe.
class LineInput {
 public:
  virtual ~LineInput() = default;
  // `continues`: it belongs to the line before, which a person should see.
  virtual InputLine next(bool continues = false) = 0;
  // Keeps a text to be called back by arrow keys, in this run and in later ones.
  virtual void remember(const std::string&) {}
};

// What may stand in place of the text from `begin` to the cursor. All of `words` start with that
// text.
struct Completion {
  size_t begin = 0;
  std::vector<std::string> words;
};
using Completer = std::function<Completion(std::string_view before_cursor)>;

struct TerminalOptions {
  std::string prompt = "> ";
  std::string continuation_prompt = ". ";  // of lines that continue another
  bool has_color = false;
  std::filesystem::path history_file;  // see input_history.h; "": none
  Completer completer;                 // what Tab does in lines that begin with '/'
  std::FILE* screen = stdout;          // a terminal
};

// Line editing with emacs keys and arrows, by libedit. A text of several lines that is pasted
// (bracketed paste) arrives as one; Alt-Enter puts a newline into the line. While a line is typed,
// Ctrl-Z, SIGTERM and SIGHUP do what they always do, with the terminal's modes restored before.
// Between two lines the terminal shows nothing of what is typed; it becomes part of the next one.
// Sets LC_CTYPE to UTF-8 when the environment names no UTF-8 locale, as characters of several bytes
// could not be edited otherwise. `ctrl_c` must outlive it. Requires: one at a time.
std::unique_ptr<LineInput> make_terminal_input(TerminalOptions options, CtrlC& ctrl_c);

// Plain lines, without prompt. `in` must outlive it.
std::unique_ptr<LineInput> make_stream_input(std::istream& in);

}  // namespace llm::chat
