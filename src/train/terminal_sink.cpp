#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "llm/core/clock.h"
#include "llm/core/format.h"
#include "llm/train/metrics.h"
#include "train/record_text.h"

namespace llm::train {

namespace {

size_t stderr_columns() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : 80;
}

class TerminalSink final : public MetricsSink {
 public:
  TerminalSink(int64_t total_steps, int64_t first_step)
      : total_steps_(total_steps), first_step_(first_step), rewrites_(isatty(STDERR_FILENO) == 1) {}
  ~TerminalSink() override {
    if (line_open_) std::fputc('\n', stderr);
  }

  void record(const MetricsRecord& record) override {
    const std::string text = record_text(record, total_steps_);
    if (record.is_evaluation) {
      print_line(text);
    } else if (rewrites_) {
      // A line that wraps could not be rewritten. The text is ASCII: a byte is a column.
      const std::string shown = (text + eta_text(record)).substr(0, stderr_columns() - 1);
      std::fprintf(stderr, "\r\033[K%s", shown.c_str());
      std::fflush(stderr);
      line_open_ = true;
    } else {
      print_line(text + eta_text(record));
    }
  }

 private:
  void print_line(const std::string& text) {
    if (line_open_) std::fputs("\n", stderr);
    line_open_ = false;
    std::fprintf(stderr, "%s\n", text.c_str());
  }

  std::string eta_text(const MetricsRecord& record) const {
    const auto done = static_cast<double>(record.step - first_step_);
    const double left = static_cast<double>(total_steps_ - record.step);
    const double eta = done > 0 ? clock_.seconds() / done * left : NAN;
    return "  ETA " + (std::isfinite(eta) ? core::format_duration(eta) : "?");
  }

  int64_t total_steps_;
  int64_t first_step_;
  bool rewrites_;
  bool line_open_ = false;
  core::Stopwatch clock_;
};

}  // namespace

std::unique_ptr<MetricsSink> make_terminal_sink(int64_t total_steps, int64_t first_step) {
  return std::make_unique<TerminalSink>(total_steps, first_step);
}

}  // namespace llm::train
