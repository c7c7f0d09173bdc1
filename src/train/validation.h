// Validation inside a run: the objective's own loss and metrics over held-out rows, each row once
// and in order.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "llm/data/token_dataset.h"
#include "llm/objectives/objective.h"

namespace llm::train {

struct ValidationOptions {
  int64_t rows_per_batch = 1;
  int64_t max_rows = 0;  // 0: all
};

// "eval_loss" first, then "eval_" + each metric of the objective.
std::vector<std::pair<std::string, double>> evaluate_rows(nn::CausalLM& model,
                                                          objectives::Objective& objective,
                                                          const data::TokenDataset& rows,
                                                          const ValidationOptions& options);

}  // namespace llm::train
