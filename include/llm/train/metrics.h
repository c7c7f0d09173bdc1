// What a run reports, and where it goes: a terminal, metrics.jsonl, the log, TensorBoard. Sinks
// never influence the run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/io/json.h"

namespace llm::train {

// One line of metrics.jsonl. Keys keep their order; names are those of docs/design.md section 8.
struct MetricsRecord {
  int64_t step = 0;
  bool is_evaluation = false;
  bool is_interim = false;  // the last step of a run that stopped early; the run that was never
                            // stopped has no such line
  std::vector<std::pair<std::string, double>> values;  // NaN is written as null

  double value(const std::string& name) const;  // Requires: it is there
};

class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void record(const MetricsRecord& record) = 0;
};

// Appends to `path`; a resumed run first cuts what lies after `resume_step`, and, once it has
// something to say itself, an interim line of that step. Throws: IoError.
std::unique_ptr<MetricsSink> make_jsonl_sink(const std::filesystem::path& path,
                                             int64_t resume_step);

// Event files in `directory`; a resumed run marks the restart, so that TensorBoard drops what lies
// after `resume_step`. Throws: IoError.
std::unique_ptr<MetricsSink> make_tensorboard_sink(const std::filesystem::path& directory,
                                                   int64_t resume_step);

// A line of the log file for every record.
std::unique_ptr<MetricsSink> make_log_sink(int64_t total_steps);

// On a terminal one line that is rewritten, cut to its width, with an ETA; elsewhere plain lines.
// Writes to stderr.
std::unique_ptr<MetricsSink> make_terminal_sink(int64_t total_steps);

}  // namespace llm::train
