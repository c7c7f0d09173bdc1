// Lines a person types, from a terminal or from a stream.
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "llm/chat/ctrl_c.h"

namespace llm::chat {

struct InputLine {
  enum class Kind {
    kText,
    kInterrupted,  // Ctrl-C while typing: the line is dropped
    kEnd           // Ctrl-D, or the end of the stream
  };
  Kind kind = Kind::kText;
  std::string text;  // without the line's end
};

// Not thread-safe.
class LineInput {
 public:
  virtual ~LineInput() = default;
  virtual InputLine next() = 0;
};

// Line editing (emacs keys, arrows) and a history of this process, by libedit. Sets LC_CTYPE to
// UTF-8 when the environment names no UTF-8 locale, as characters of several bytes could not be
// edited otherwise. `ctrl_c` must outlive it.
std::unique_ptr<LineInput> make_terminal_input(const std::string& prompt, CtrlC& ctrl_c);

// Plain lines, without prompt. `in` must outlive it.
std::unique_ptr<LineInput> make_stream_input(std::istream& in);

}  // namespace llm::chat
