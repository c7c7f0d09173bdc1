#include "train/metric_totals.h"

#include "llm/train/loop_config.h"

namespace llm::train {

void MetricTotals::add(const std::map<std::string, objectives::MetricSum>& metrics) {
  for (const auto& [name, metric] : metrics) {
    Ratio& total = totals_[name];
    const at::Tensor sum = metric.sum.to(at::kDouble);
    total.sum = total.sum.defined() ? total.sum + sum : sum;
    total.weight += metric.weight;
  }
}

MetricSums MetricTotals::sums() const {
  MetricSums sums;
  for (const auto& [name, total] : totals_) sums[name] = {total.sum.item<double>(), total.weight};
  return sums;
}

void add_sums(MetricSums& total, const MetricSums& part) {
  for (const auto& [name, ratio] : part) {
    total[name].sum += ratio.sum;
    total[name].weight += ratio.weight;
  }
}

std::vector<std::pair<std::string, double>> metric_means(const MetricSums& sums) {
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, ratio] : sums) {
    if (ratio.weight > 0) values.emplace_back(name, ratio.sum / ratio.weight);
  }
  return values;
}

bool is_larger_better(const std::string& metric) {
  for (const char* smaller : {"loss", "entropy", "perplexity"}) {
    if (metric.ends_with(smaller)) return false;
  }
  return true;
}

}  // namespace llm::train
