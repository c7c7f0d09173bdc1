// What the ranks of a run tell each other beside gradients and weights: small messages that make
// every one of them decide alike.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/io/json.h"
#include "train/metric_totals.h"

namespace llm::train {

io::Json metrics_to_json(const MetricSums& metrics);
MetricSums metrics_from_json(const io::Json& json);

// Every rank's message, by rank; doubles keep all their bits, NaN included. `label` is what errors
// call it. Throws: DistError.
std::vector<io::Json> exchange(dist::ProcessGroup& group, const io::Json& own,
                               const std::string& label);

// One rank's part of a training step.
struct StepShare {
  double loss = 0;
  int64_t tokens = 0;
  double squared_grad_norm = 0;
  MetricSums metrics;
  std::vector<int> non_finite_ranks = {};  // of a joined share: whose loss is no number
};
// ", from rank 1"; "" where all losses are finite or there is one rank.
std::string origin_text(const StepShare& joined);
// Sums over all ranks, in their order, so that every rank has the same bits. Throws: DistError.
StepShare join_shares(dist::ProcessGroup& group, const StepShare& own);

// Adds up over ranks, in their order. Throws: DistError.
std::vector<double> join_sums(dist::ProcessGroup& group, const std::vector<double>& own,
                              const std::string& label);

// All ranks' texts behind each other, those that say something. Throws: DistError.
std::string join_texts(dist::ProcessGroup& group, const std::string& own, const std::string& label);

// rank 0's `value()`, which the others do not call. Throws: DistError.
double value_of_first_rank(dist::ProcessGroup& group, const std::function<double()>& value,
                           const std::string& label);

}  // namespace llm::train
