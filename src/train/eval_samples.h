// Held-out samples as each evaluation of a run found them: RUN/eval_samples.jsonl, a line for every
// sample of every evaluation (docs/formats.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/io/jsonl_writer.h"
#include "llm/objectives/objective.h"
#include "llm/train/eval_change.h"

namespace llm::train {

class EvalSamplesWriter {
 public:
  // A run that goes on from `resume_step` first cuts what lies after it; one that begins, all.
  // Throws: IoError.
  EvalSamplesWriter(const std::filesystem::path& path, int64_t resume_step,
                    std::vector<std::string> source_names);
  // Pieces of one sample are added up. Throws: IoError.
  void write(int64_t step, const std::vector<objectives::SampleScore>& samples);

 private:
  io::JsonlWriter writer_;
  std::vector<std::string> source_names_;
};

// From the evaluation at step 0 to the newest, over the samples of the first; nothing where the
// file does not exist or holds no two evaluations of the same samples.
// Throws: IoError, FormatError.
std::optional<EvalChange> eval_change(const std::filesystem::path& path);

}  // namespace llm::train
