#include "common/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/table.h"
#include "llm/core/format.h"

namespace llm::apps {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr double kPlainLineSeconds = 10;

size_t terminal_columns() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : 80;
}

}  // namespace

std::string progress_line(const std::string& label, const ProgressState& at,
                          const std::string& detail) {
  std::string text = label;
  if (at.total > 0) {
    const double share =
        std::min(1.0, static_cast<double>(at.done) / static_cast<double>(at.total));
    text += fmt::format(" {:3.0f} %", share * 100);
    if (share > 0 && share < 1 && at.seconds > 1) {
      text += "  left " + core::format_duration(at.seconds / share - at.seconds);
    }
  }
  if (!detail.empty()) text += "  " + detail;
  return text;
}

Progress::Progress(std::string label, bool is_enabled)
    : label_(std::move(label)),
      is_enabled_(is_enabled),
      is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { finish(); }

void Progress::update(uint64_t done, uint64_t total, const std::string& detail) {
  if (!is_enabled_) return;
  const double now = watch_.seconds();
  if (now - last_drawn_ < (is_terminal_ ? kRedrawSeconds : kPlainLineSeconds)) return;
  last_drawn_ = now;
  is_drawn_ = true;
  const std::string text = progress_line(label_, {done, total, now}, detail);
  if (is_terminal_) {
    fmt::print(stderr, "\r{}\x1b[K", cut_to_width(text, terminal_columns() - 1));
  } else {
    fmt::print(stderr, "{}\n", text);
  }
  std::fflush(stderr);
}

void Progress::finish() {
  if (is_drawn_ && is_terminal_) {
    fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
  }
  is_drawn_ = false;
}

}  // namespace llm::apps
