// The metrics of several micro-batches as one.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "llm/objectives/objective.h"

namespace llm::train {

class MetricTotals {
 public:
  void add(const std::map<std::string, objectives::MetricSum>& metrics);
  // Sum / weight of each, by name; those without weight are left out.
  std::vector<std::pair<std::string, double>> means() const;

 private:
  struct Ratio {
    at::Tensor sum;  // [] fp64, where the metrics are: the host waits for them in means() alone
    double weight = 0;
  };
  std::map<std::string, Ratio> totals_;
};

}  // namespace llm::train
