#include "llm/train/metrics.h"

#include <cmath>
#include <optional>

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

io::Json parsed_line(std::string_view line) {
  return io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
}

bool is_after(std::string_view line, int64_t step) {
  const io::Json json = parsed_line(line);
  const bool has_step =
      json.is_object() && json.contains("step") && json["step"].is_number_integer();
  return !has_step || json["step"].get<int64_t>() > step;
}

bool is_interim(std::string_view line) {
  const io::Json json = parsed_line(line);
  return json.is_object() && json.contains("interim");
}

class JsonlSink final : public MetricsSink {
 public:
  JsonlSink(const std::filesystem::path& path, int64_t resume_step) : path_(path) {
    io::truncate_lines_after(path_, [&](std::string_view l) { return is_after(l, resume_step); });
    writer_.emplace(path_);
  }

  void record(const MetricsRecord& record) override {
    if (is_first_) drop_interim_line();
    is_first_ = false;
    io::OrderedJson line;
    line["step"] = record.step;
    for (const auto& [name, value] : record.values) {
      const bool counted = name == "tokens" || name == "peak_memory_mib";
      line[name] = counted ? io::OrderedJson(static_cast<int64_t>(value)) : io::OrderedJson(value);
    }
    if (record.is_interim) line["interim"] = true;
    writer_->write(line);
  }

 private:
  // Not before there is a newer line: a run that ends at once shall leave the file as it was.
  void drop_interim_line() {
    writer_.reset();
    io::truncate_lines_after(path_, is_interim);
    writer_.emplace(path_);
  }

  std::filesystem::path path_;
  std::optional<io::JsonlWriter> writer_;
  bool is_first_ = true;
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
  return std::make_unique<JsonlSink>(path, resume_step);
}

std::unique_ptr<MetricsSink> make_tensorboard_sink(const std::filesystem::path& directory,
                                                   int64_t resume_step) {
  return std::make_unique<TensorboardSink>(directory, resume_step);
}

}  // namespace llm::train
