// What the commands of the terminal work on.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "llm/chat/chat_session.h"
#include "llm/chat/line_input.h"
#include "llm/chat/repl.h"
#include "llm/core/clock.h"

namespace llm::chat {

struct Totals {
  int64_t replies = 0;
  int64_t tokens = 0;
  int64_t prompt_tokens = 0, cached_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
};

class Repl {
 public:
  Repl(ChatSession& session, LineInput& input, const ReplOptions& options)
      : session_(session), input_(input), options_(options) {
    for (const auto& path : options.own_files) own(path);
  }

  int64_t run();

  // For the commands; they throw core::Error.
  ChatSession& session() { return session_; }
  const ReplOptions& options() const { return options_; }
  const std::optional<generate::Generation>& last() const { return last_; }
  const Totals& totals() const { return totals_; }
  void notice(const std::string& text);  // one line about what happened
  void print(const std::string& text);   // what was asked for, as it is
  void send(const std::string& text);
  void regenerate();
  void leave() { is_leaving_ = true; }
  // Files that this session has loaded or saved. Throws: ConfigError for one that is there and is
  // none of them: it is somebody's work, even when it is a conversation.
  void own(const std::filesystem::path& path);
  void require_own(const std::filesystem::path& path) const;

 private:
  void take(const std::string& text, bool is_verbatim);
  void on_interrupted();
  template <class Ask>
  void answer(Ask ask);
  bool on_text(std::string_view text);
  void on_prompt(int64_t done, int64_t total);
  void clear_status();
  void tell(const Reply& reply);
  void add(const generate::Generation& generation);
  template <class Action>
  void guarded(Action action);

  ChatSession& session_;
  LineInput& input_;
  const ReplOptions& options_;
  std::optional<generate::Generation> last_;
  Totals totals_;
  std::set<std::filesystem::path> own_files_;  // canonical
  int64_t dropped_ = 0;                        // messages the last prompt left out
  int64_t failures_ = 0;
  int interrupts_ = 0;  // Ctrl-C at the prompt, one after the other
  bool has_status_ = false;
  bool is_leaving_ = false;
};

}  // namespace llm::chat
