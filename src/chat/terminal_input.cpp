#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>

#include "llm/chat/line_input.h"
#include "llm/core/check.h"

namespace llm::chat {

namespace {

constexpr int kHistoryLines = 1000;

void use_utf8_locale() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

// One byte of stdin: 1, 0 at the end, -1 with errno; EINTR for Ctrl-C.
ssize_t read_byte(CtrlC& ctrl_c, char* byte) {
  pollfd files[] = {{STDIN_FILENO, POLLIN, 0}, {ctrl_c.fd(), POLLIN, 0}};
  while (::poll(files, 2, -1) < 0) {
    if (errno != EINTR) return -1;
  }
  if (files[1].revents != 0 && ctrl_c.take()) {
    errno = EINTR;
    return -1;
  }
  return ::read(STDIN_FILENO, byte, 1);
}

class TerminalInput : public LineInput {
 public:
  TerminalInput(const std::string& prompt, CtrlC& ctrl_c) : prompt_(prompt), ctrl_c_(ctrl_c) {
    use_utf8_locale();
    history_ = history_init();
    edit_ = el_init("llmchat", stdin, stdout, stderr);
    LLM_CHECK(history_ != nullptr && edit_ != nullptr);
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLines);
    history(history_, &event, H_SETUNIQUE, 1);
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_GETCFN, &TerminalInput::read_character);
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT, &TerminalInput::prompt_of);
    el_set(edit_, EL_HIST, history, history_);
    el_source(edit_, nullptr);
  }
  TerminalInput(const TerminalInput&) = delete;
  TerminalInput& operator=(const TerminalInput&) = delete;
  ~TerminalInput() override {
    el_end(edit_);
    history_end(history_);
  }

  InputLine next() override {
    int count = 0;
    errno = 0;
    const char* line = el_gets(edit_, &count);
    if (line == nullptr || count <= 0) {
      const bool interrupted = count < 0 && errno == EINTR;
      if (interrupted) el_reset(edit_);
      return {interrupted ? InputLine::Kind::kInterrupted : InputLine::Kind::kEnd, ""};
    }
    std::string text(line, static_cast<size_t>(count));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (!text.empty()) remember(text);
    return {InputLine::Kind::kText, std::move(text)};
  }

 private:
  static TerminalInput& self_of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return *static_cast<TerminalInput*>(self);
  }
  static char* prompt_of(EditLine* edit) { return self_of(edit).prompt_.data(); }

  // libedit's own reader starts over after a signal. Bytes that are no UTF-8 are skipped.
  static int read_character(EditLine* edit, wchar_t* character) {
    constexpr auto kInvalid = static_cast<size_t>(-1);
    std::mbstate_t state{};
    while (true) {
      char byte = 0;
      const ssize_t count = read_byte(self_of(edit).ctrl_c_, &byte);
      if (count <= 0) {
        *character = L'\0';
        return static_cast<int>(count);
      }
      const bool begins = std::mbsinit(&state) != 0;
      size_t used = std::mbrtowc(character, &byte, 1, &state);
      if (used == kInvalid) {
        state = {};
        // What cannot continue a character may begin one.
        if (!begins) used = std::mbrtowc(character, &byte, 1, &state);
        if (used == kInvalid) state = {};
      }
      if (used <= 1) return 1;
    }
  }
  void remember(const std::string& text) {
    HistEvent event;
    history(history_, &event, H_ENTER, text.c_str());
  }

  std::string prompt_;
  CtrlC& ctrl_c_;
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
};

}  // namespace

std::unique_ptr<LineInput> make_terminal_input(const std::string& prompt, CtrlC& ctrl_c) {
  return std::make_unique<TerminalInput>(prompt, ctrl_c);
}

}  // namespace llm::chat
