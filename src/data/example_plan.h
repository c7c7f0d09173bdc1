// Which samples share which row in one epoch.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/data/example_rows.h"

namespace llm::data {

struct ExamplePlan {
  std::vector<int32_t> order;        // samples, row after row
  std::vector<int64_t> row_begin;    // [example rows + 1] into order; unless wrapped
  std::vector<int64_t> token_begin;  // [samples + 1] of the order, laid end to end; wrapped alone
  std::vector<int64_t> entries;      // the epoch's rows: example rows and, negative, replay rows
  int64_t num_tokens = 0;

  int64_t num_rows() const { return static_cast<int64_t>(entries.size()); }
  static bool is_replay(int64_t entry) { return entry < 0; }
  static int64_t replay_index(int64_t entry) { return -1 - entry; }
};

struct ExamplePlanInput {
  const ExampleRowsOptions& options;
  std::vector<int64_t> lengths;  // by sample
  int64_t epoch = 0;
};
// A pure function of its input.
ExamplePlan make_example_plan(const ExamplePlanInput& input);

}  // namespace llm::data
