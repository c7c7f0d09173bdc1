#include "train/validation.h"

#include <map>

#include "llm/tensor/parameter_store.h"

namespace llm::train {

namespace {

struct Ratio {
  double sum = 0;
  double weight = 0;
  double value() const { return weight > 0 ? sum / weight : 0; }
};

}  // namespace

std::vector<std::pair<std::string, double>> evaluate_rows(nn::CausalLM& model,
                                                          objectives::Objective& objective,
                                                          const data::TokenDataset& rows,
                                                          const ValidationOptions& options) {
  const auto terms = objective.terms();
  std::vector<Ratio> totals(terms.size());
  std::map<std::string, Ratio> metrics;
  const int64_t count =
      options.max_rows > 0 ? std::min(options.max_rows, rows.num_rows()) : rows.num_rows();
  for (int64_t begin = 0; begin < count; begin += options.rows_per_batch) {
    std::vector<data::Row> chosen;
    for (int64_t i = begin; i < std::min(begin + options.rows_per_batch, count); ++i)
      chosen.push_back(rows.row(i));
    const auto capacity = static_cast<int64_t>(chosen.size()) * rows.max_documents_per_row();
    const data::Batch batch = data::collate(chosen, capacity).to(model.store().device());
    const auto result = objective.evaluate(model, batch);
    const auto weights = objective.weights(batch);
    for (size_t i = 0; i < terms.size(); ++i) {
      totals[i].sum += result.term_sums[i].item<double>();
      totals[i].weight += weights[i];
    }
    for (const auto& [name, metric] : result.metrics) {
      metrics[name].sum += metric.sum.item<double>();
      metrics[name].weight += metric.weight;
    }
  }
  double loss = 0;
  for (size_t i = 0; i < terms.size(); ++i) loss += terms[i].coefficient * totals[i].value();
  std::vector<std::pair<std::string, double>> values{{"eval_loss", loss}};
  for (const auto& [name, ratio] : metrics) values.emplace_back("eval_" + name, ratio.value());
  return values;
}

}  // namespace llm::train
