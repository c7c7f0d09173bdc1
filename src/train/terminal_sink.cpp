#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "llm/core/clock.h"
#include "llm/core/format.h"
#include "llm/train/metrics.h"

namespace llm::train {

namespace {

class TerminalSink final : public MetricsSink {
 public:
  TerminalSink(int64_t total_steps, int64_t first_step)
      : total_steps_(total_steps), first_step_(first_step), rewrites_(isatty(STDERR_FILENO) == 1) {}
  ~TerminalSink() override {
    if (line_open_) std::fputc('\n', stderr);
  }

  void record(const MetricsRecord& record) override {
    if (record.is_evaluation) {
      print_line(evaluation_text(record));
    } else if (rewrites_) {
      std::fprintf(stderr, "\r\033[K%s", step_text(record).c_str());
      std::fflush(stderr);
      line_open_ = true;
    } else {
      print_line(step_text(record));
    }
  }

 private:
  void print_line(const std::string& text) {
    if (line_open_) std::fputs("\n", stderr);
    line_open_ = false;
    std::fprintf(stderr, "%s\n", text.c_str());
  }

  std::string step_text(const MetricsRecord& record) const {
    const auto done = static_cast<double>(record.step - first_step_);
    const double left = static_cast<double>(total_steps_ - record.step);
    const double eta = done > 0 ? clock_.seconds() / done * left : NAN;
    return fmt::format("step {:>{}}/{}  loss {:.4f}  lr {:.2e}  grad norm {:.3f}  {} tok/s  ETA {}",
                       record.step, std::to_string(total_steps_).size(), total_steps_,
                       record.value("loss"), record.value("lr"), record.value("grad_norm"),
                       core::format_count(record.value("tokens_per_second")),
                       std::isfinite(eta) ? core::format_duration(eta) : "?");
  }

  static std::string evaluation_text(const MetricsRecord& record) {
    std::string text = fmt::format("step {}  validation", record.step);
    for (const auto& [name, value] : record.values) text += fmt::format("  {} {:.4f}", name, value);
    return text;
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
