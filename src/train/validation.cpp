#include "train/validation.h"

#include <algorithm>

#include "llm/tensor/parameter_store.h"
#include "train/metric_totals.h"

namespace llm::train {

ValidationResult evaluate_rows(nn::CausalLM& model, objectives::Objective& objective,
                               const data::RowStream& rows, const ValidationOptions& options) {
  const auto terms = objective.terms();
  std::vector<double> sums(terms.size(), 0), weights(terms.size(), 0);
  MetricTotals metrics;
  ValidationResult validation;
  const int64_t all = rows.rows_in_epoch(0);
  const int64_t count = options.max_rows > 0 ? std::min(options.max_rows, all) : all;
  for (int64_t begin = 0; begin < count; begin += options.rows_per_batch) {
    std::vector<data::Row> chosen;
    for (int64_t i = begin; i < std::min(begin + options.rows_per_batch, count); ++i)
      chosen.push_back(rows.row({0, i}));
    const auto capacity = static_cast<int64_t>(chosen.size()) * rows.max_documents_per_row();
    const data::Batch batch = data::collate(chosen, capacity).to(model.store().device());
    const auto result = objective.evaluate(model, batch);
    const auto own_weights = objective.weights(batch);
    for (size_t i = 0; i < terms.size(); ++i) {
      sums[i] += result.term_sums[i].item<double>();
      weights[i] += own_weights[i];
    }
    metrics.add(result.metrics);
    validation.samples.insert(validation.samples.end(), result.samples.begin(),
                              result.samples.end());
  }
  double loss = 0;
  for (size_t i = 0; i < terms.size(); ++i)
    loss += weights[i] > 0 ? terms[i].coefficient * sums[i] / weights[i] : 0;
  validation.values = {{"eval_loss", loss}};
  for (const auto& [name, value] : metrics.means())
    validation.values.emplace_back("eval_" + name, value);
  return validation;
}

}  // namespace llm::train
