#include "llm/train/metrics.h"

#include <cmath>

#include "llm/core/check.h"
#include "llm/io/jsonl_writer.h"
#include "llm/io/tfevents.h"

namespace llm::train {

double MetricsRecord::value(const std::string& name) const {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  LLM_CHECK(false, "no metric {}", name);
  return 0;
}

namespace {

class JsonlSink final : public MetricsSink {
 public:
  explicit JsonlSink(const std::filesystem::path& path) : writer_(path) {}

  void record(const MetricsRecord& record) override {
    io::OrderedJson line;
    line["step"] = record.step;
    for (const auto& [name, value] : record.values) {
      const bool counted = name == "tokens" || name == "peak_memory_mib";
      line[name] = counted ? io::OrderedJson(static_cast<int64_t>(value)) : io::OrderedJson(value);
    }
    writer_.write(line);
  }

 private:
  io::JsonlWriter writer_;
};

// TensorBoard groups curves by the part before the slash.
std::string tag_of(const std::string& name) {
  const std::string prefix = "eval_";
  return name.starts_with(prefix) ? "eval/" + name.substr(prefix.size()) : "train/" + name;
}

class TensorboardSink final : public MetricsSink {
 public:
  TensorboardSink(const std::filesystem::path& directory, int64_t resume_step)
      : writer_(directory) {
    if (resume_step > 0) writer_.write_session_start(resume_step + 1);
  }

  void record(const MetricsRecord& record) override {
    std::vector<io::ScalarSummary> scalars;
    for (const auto& [name, value] : record.values) {
      if (std::isfinite(value)) scalars.push_back({tag_of(name), value});
    }
    writer_.write_scalars(record.step, scalars);
  }

 private:
  io::TfEventsWriter writer_;
};

}  // namespace

std::unique_ptr<MetricsSink> make_jsonl_sink(const std::filesystem::path& path,
                                             int64_t resume_step) {
  io::truncate_lines_after(path, [resume_step](std::string_view line) {
    const auto json = io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool has_step =
        json.is_object() && json.contains("step") && json["step"].is_number_integer();
    return !has_step || json["step"].get<int64_t>() > resume_step;
  });
  return std::make_unique<JsonlSink>(path);
}

std::unique_ptr<MetricsSink> make_tensorboard_sink(const std::filesystem::path& directory,
                                                   int64_t resume_step) {
  return std::make_unique<TensorboardSink>(directory, resume_step);
}

}  // namespace llm::train
