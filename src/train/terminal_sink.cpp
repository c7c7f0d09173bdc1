#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

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
  explicit TerminalSink(int64_t total_steps)
      : total_steps_(total_steps), rewrites_(isatty(STDERR_FILENO) == 1) {}
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

  // By the steps since the first line, the evaluations between them included: what came before the
  // first step, the longest one, says nothing about the rest.
  std::string eta_text(const MetricsRecord& record) {
    if (!first_line_) first_line_ = {record.step, clock_.seconds()};
    const auto [first_step, first_seconds] = *first_line_;
    const auto done = static_cast<double>(record.step - first_step);
    const auto left = static_cast<double>(total_steps_ - record.step);
    if (done == 0) return "  ETA ?";
    return "  ETA " + core::format_duration((clock_.seconds() - first_seconds) / done * left);
  }

  struct Line {
    int64_t step = 0;
    double seconds = 0;
  };

  int64_t total_steps_;
  bool rewrites_;
  bool line_open_ = false;
  core::Stopwatch clock_;
  std::optional<Line> first_line_;
};

}  // namespace

std::unique_ptr<MetricsSink> make_terminal_sink(int64_t total_steps) {
  return std::make_unique<TerminalSink>(total_steps);
}

}  // namespace llm::train
