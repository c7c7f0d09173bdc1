#include "llm/core/log.h"
#include "llm/train/metrics.h"
#include "train/record_text.h"

namespace llm::train {

namespace {

class LogSink final : public MetricsSink {
 public:
  explicit LogSink(int64_t total_steps) : total_steps_(total_steps) {}

  void record(const MetricsRecord& record) override {
    core::log_to_file(core::LogLevel::kInfo, record_text(record, total_steps_));
  }

 private:
  int64_t total_steps_;
};

}  // namespace

std::unique_ptr<MetricsSink> make_log_sink(int64_t total_steps) {
  return std::make_unique<LogSink>(total_steps);
}

}  // namespace llm::train
