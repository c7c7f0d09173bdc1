// The metrics of several micro-batches, of one or of all ranks, as one.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "llm/objectives/objective.h"

namespace llm::train {

struct MetricRatio {
  double sum = 0;
  double weight = 0;
};
using MetricSums = std::map<std::string, MetricRatio>;

void add_sums(MetricSums& total, const MetricSums& part);
// Sum / weight of each, by name; those without weight are left out.
std::vector<std::pair<std::string, double>> metric_means(const MetricSums& sums);

// Adds up where the metrics are, so that the host waits in sums() alone.
class MetricTotals {
 public:
  void add(const std::map<std::string, objectives::MetricSum>& metrics);
  MetricSums sums() const;

 private:
  struct Ratio {
    at::Tensor sum;  // [] fp64
    double weight = 0;
  };
  std::map<std::string, Ratio> totals_;
};

}  // namespace llm::train
