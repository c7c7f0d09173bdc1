// Validation inside a run: the objective's own loss and metrics over held-out rows, those of
// epoch 0, each once. Ranks deal the micro-batches among themselves; what they found is added up in
// the order of the rows, so that the result does not depend on the number of ranks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "llm/data/row_stream.h"
#include "llm/dist/process_group.h"
#include "llm/objectives/objective.h"

namespace llm::train {

struct ValidationOptions {
  int64_t rows_per_batch = 1;
  int64_t max_rows = 0;  // 0: all
  dist::ProcessGroup* group = nullptr;
};

struct ValidationResult {
  // "eval_loss" first, then "eval_" + each metric of the objective.
  std::vector<std::pair<std::string, double>> values;
  std::vector<objectives::SampleScore> samples;  // of objectives that score them
};

// The same on every rank. Throws: DistError.
ValidationResult evaluate_rows(nn::CausalLM& model, objectives::Objective& objective,
                               const data::RowStream& rows, const ValidationOptions& options);

}  // namespace llm::train
