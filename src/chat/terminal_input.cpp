#include <histedit.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstring>
#include <optional>

#include "chat/edited_text.h"
#include "chat/terminal_reader.h"
#include "chat/terminal_silence.h"
#include "llm/chat/input_history.h"
#include "llm/chat/line_input.h"
#include "llm/core/check.h"
#include "llm/text/utf8.h"

namespace llm::chat {

namespace {

constexpr char kEscapeMark = '\1';  // around what the prompt prints without moving the cursor
constexpr const char* kBracketedPasteOn = "\x1b[?2004h";
constexpr const char* kBracketedPasteOff = "\x1b[?2004l";
constexpr std::wstring_view kPasteEnd = L"\x1b[201~";

struct KeyBinding {
  const wchar_t *keys, *function;
};
// What terminals send and libedit leaves unbound, and keys that people know from their shell. An
// .editrc wins over them.
constexpr KeyBinding kKeys[] = {{L"\\e[200~", L"chat-paste"},
                                {L"\\e\\n", L"chat-newline"},
                                {L"\\e\\r", L"chat-newline"},
                                {L"\\e[A", L"chat-up"},
                                {L"\\eOA", L"chat-up"},
                                {L"\\e[B", L"chat-down"},
                                {L"\\eOB", L"chat-down"},
                                {L"^I", L"chat-complete"},
                                {L"^W", L"ed-delete-prev-word"},
                                {L"^R", L"em-inc-search-prev"},
                                {L"\\e[1;5C", L"em-next-word"},
                                {L"\\e[1;5D", L"ed-prev-word"},
                                {L"\\e[1;3C", L"em-next-word"},
                                {L"\\e[1;3D", L"ed-prev-word"},
                                {L"\\e[3~", L"ed-delete-next-char"},
                                {L"\\e[H", L"ed-move-to-beg"},
                                {L"\\e[F", L"ed-move-to-end"},
                                {L"\\e[1~", L"ed-move-to-beg"},
                                {L"\\e[4~", L"ed-move-to-end"},
                                {L"\\e[5~", L"ed-prev-history"},
                                {L"\\e[6~", L"ed-next-history"}};

void use_utf8_locale() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::string colored(const std::string& prompt, bool has_color) {
  if (!has_color) return prompt;
  return std::string{kEscapeMark} + "\x1b[1;32m" + kEscapeMark + prompt + kEscapeMark + "\x1b[0m" +
         kEscapeMark;
}

std::string common_prefix(const std::vector<std::string>& words) {
  std::string prefix = words.front();
  for (const std::string& word : words) {
    const auto differ = std::mismatch(prefix.begin(), prefix.end(), word.begin(), word.end());
    prefix.erase(differ.first, prefix.end());
  }
  return prefix.substr(0, text::complete_utf8_prefix(prefix));
}

std::wstring_view text_of(const LineInfoW* line) {
  return {line->buffer, static_cast<size_t>(line->lastchar - line->buffer)};
}

size_t cursor_of(const LineInfoW* line) { return static_cast<size_t>(line->cursor - line->buffer); }

int terminal_columns() {
  constexpr int kUsual = 80;
  winsize size{};
  return ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

// What moves a terminal's cursor; `direction` is A, B, C or D: up, down, right, left.
std::string moved(int count, char direction) {
  return count > 0 ? "\x1b[" + std::to_string(count) + direction : "";
}

class TerminalInput : public LineInput {
 public:
  TerminalInput(TerminalOptions options, CtrlC& ctrl_c)
      : options_(std::move(options)),
        prompts_{colored(options_.prompt, options_.has_color),
                 colored(options_.continuation_prompt, options_.has_color)},
        file_(options_.history_file),
        reader_(ctrl_c) {
    use_utf8_locale();
    history_ = history_init();
    edit_ = el_init("llmchat", stdin, options_.screen, stderr);
    LLM_CHECK(history_ != nullptr && edit_ != nullptr);
    HistEvent event;
    history(history_, &event, H_SETSIZE, static_cast<int>(kHistoryEntries));
    history(history_, &event, H_SETUNIQUE, 1);
    for (const std::string& entry : file_.load()) history(history_, &event, H_ENTER, entry.c_str());
    configure();
  }
  TerminalInput(const TerminalInput&) = delete;
  TerminalInput& operator=(const TerminalInput&) = delete;
  ~TerminalInput() override {
    el_end(edit_);
    history_end(history_);
  }

  InputLine next(bool continues) override {
    silence_.reset();
    prompt_ = continues ? &prompts_[1] : &prompts_[0];
    InputLine line = edit_line();
    silence_.emplace();
    return line;
  }

  void remember(const std::string& text) override {
    HistEvent event;
    history(history_, &event, H_ENTER, text.c_str());
    file_.append(text);
  }

 private:
  void configure() {
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_GETCFN, &TerminalInput::read_character);
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT_ESC, &TerminalInput::prompt_of, kEscapeMark);
    el_set(edit_, EL_HIST, history, history_);
    el_wset(edit_, EL_ADDFN, L"chat-paste", L"Insert a pasted text", &TerminalInput::paste);
    el_wset(edit_, EL_ADDFN, L"chat-newline", L"Insert a newline", &TerminalInput::newline);
    el_wset(edit_, EL_ADDFN, L"chat-up", L"Line above, or older entry", &TerminalInput::up);
    el_wset(edit_, EL_ADDFN, L"chat-down", L"Line below, or newer entry", &TerminalInput::down);
    el_wset(edit_, EL_ADDFN, L"chat-complete", L"Complete", &TerminalInput::complete);
    for (const KeyBinding& key : kKeys)
      el_wset(edit_, EL_BIND, key.keys, key.function, static_cast<wchar_t*>(nullptr));
    el_source(edit_, nullptr);
  }

  InputLine edit_line() {
    TerminalSignals signals;
    signals_ = &signals;
    el_resize(edit_);
    // libedit would do it at the first read, when the prompt is already there: a Ctrl-D typed
    // between the two would be lost.
    el_set(edit_, EL_PREP_TERM, 1);
    print(kBracketedPasteOn);
    InputLine line = read_line();
    print(kBracketedPasteOff);
    signals_ = nullptr;
    return line;
  }

  InputLine read_line() {
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
    return {InputLine::Kind::kText, std::move(text)};
  }

  void print(const std::string& text) const {
    std::fputs(text.c_str(), options_.screen);
    std::fflush(options_.screen);
  }

  static TerminalInput& self_of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return *static_cast<TerminalInput*>(self);
  }
  static char* prompt_of(EditLine* edit) { return self_of(edit).prompt_->data(); }

  static int read_character(EditLine* edit, wchar_t* character) {
    TerminalInput& self = self_of(edit);
    *character = L'\0';
    while (true) {
      const TerminalEvent event = self.reader_.next(*self.signals_);
      switch (event.kind) {
        case TerminalEvent::Kind::kCharacter:
          *character = event.character;
          return 1;
        case TerminalEvent::Kind::kEnd:
          return 0;
        case TerminalEvent::Kind::kInterrupt:
          self.leave_line();
          errno = EINTR;
          return -1;
        case TerminalEvent::Kind::kSignal:
          self.on_signal(event.signal);
      }
    }
  }

  ScreenPlace place_of(const LineInfoW* line, size_t cursor, int columns) const {
    return screen_place(text_of(line), cursor, static_cast<int>(options_.prompt.size()), columns);
  }

  // Puts the cursor behind the text, however many rows it fills.
  void leave_line() const {
    const LineInfoW* line = el_wline(edit_);
    const int columns = terminal_columns();
    const ScreenPlace now = place_of(line, cursor_of(line), columns);
    const ScreenPlace end = place_of(line, text_of(line).size(), columns);
    print("\r" + moved(end.row - now.row, 'B') + moved(end.column, 'C') + "^C\n");
  }

  void on_signal(int signal) const {
    switch (signal) {
      case SIGTSTP:
      case SIGTERM:
      case SIGHUP:
        print(std::string(kBracketedPasteOff) + "\n");
        el_set(edit_, EL_PREP_TERM, 0);
        TerminalSignals::act(signal);
        return resume();
      case SIGCONT:
        // After a stop that was not ours.
        if (terminal_edits()) resume();
        return;
      case SIGWINCH:
        return redraw_resized();
      default:
        return;
    }
  }

  // Whether the terminal's own line editing is on, as a shell leaves it.
  static bool terminal_edits() {
    termios mode{};
    return ::tcgetattr(STDIN_FILENO, &mode) == 0 && (mode.c_lflag & ICANON) != 0;
  }

  // A shell may have changed the modes; they are taken as they are now, and set again.
  void resume() const {
    el_set(edit_, EL_PREP_TERM, 0);
    el_set(edit_, EL_PREP_TERM, 1);
    print(kBracketedPasteOn);
    el_set(edit_, EL_REFRESH);
  }

  // Terminals wrap long lines anew when their width changes; libedit draws from where it believes
  // the first row to be.
  void redraw_resized() const {
    const LineInfoW* line = el_wline(edit_);
    print("\r" + moved(place_of(line, cursor_of(line), terminal_columns()).row, 'A') + "\x1b[J");
    el_resize(edit_);
    el_set(edit_, EL_REFRESH);
  }

  static unsigned char paste(EditLine* edit, wint_t) {
    std::wstring text;
    wchar_t character = L'\0';
    while (!text.ends_with(kPasteEnd)) {
      if (read_character(edit, &character) != 1) return CC_EOF;
      text += character;
    }
    text.resize(text.size() - kPasteEnd.size());
    text = clean_paste(text);
    return text.empty() || el_winsertstr(edit, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }

  static unsigned char newline(EditLine* edit, wint_t) {
    return el_winsertstr(edit, L"\n") == 0 ? CC_REFRESH : CC_ERROR;
  }

  // Between the lines of one text the cursor moves, beyond them the history.
  static unsigned char move_or_push(EditLine* edit, std::optional<size_t> target, const char* key) {
    if (!target) {
      el_push(edit, key);
      return CC_NORM;
    }
    el_cursor(edit, static_cast<int>(*target) - static_cast<int>(cursor_of(el_wline(edit))));
    return CC_REFRESH;
  }
  static unsigned char up(EditLine* edit, wint_t) {
    const LineInfoW* line = el_wline(edit);
    return move_or_push(edit, cursor_above(text_of(line), cursor_of(line)), "\x10");  // ^P
  }
  static unsigned char down(EditLine* edit, wint_t) {
    const LineInfoW* line = el_wline(edit);
    return move_or_push(edit, cursor_below(text_of(line), cursor_of(line)), "\x0e");  // ^N
  }

  static unsigned char complete(EditLine* edit, wint_t) {
    TerminalInput& self = self_of(edit);
    const LineInfo* line = el_line(edit);
    const std::string before(line->buffer, line->cursor);
    if (!before.starts_with('/') || !self.options_.completer)
      return el_insertstr(edit, "\t") == 0 ? CC_REFRESH : CC_ERROR;
    const Completion found = self.options_.completer(before);
    if (found.words.empty()) return CC_REFRESH_BEEP;
    std::string more = common_prefix(found.words).substr(before.size() - found.begin);
    if (found.words.size() == 1 && !found.words[0].ends_with('/')) more += ' ';
    if (!more.empty()) return el_insertstr(edit, more.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    std::string list = "\n";
    for (const std::string& word : found.words) list += word + "  ";
    self.print(list + "\n");
    return CC_REDISPLAY;
  }

  TerminalOptions options_;
  std::string prompts_[2];
  std::string* prompt_ = &prompts_[0];
  InputHistory file_;
  TerminalReader reader_;
  TerminalSignals* signals_ = nullptr;
  std::optional<TerminalSilence> silence_;  // between two lines
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
};

}  // namespace

std::unique_ptr<LineInput> make_terminal_input(TerminalOptions options, CtrlC& ctrl_c) {
  return std::make_unique<TerminalInput>(std::move(options), ctrl_c);
}

}  // namespace llm::chat
