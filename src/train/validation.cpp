#include "train/validation.h"

#include <algorithm>

#include "llm/io/json.h"
#include "llm/tensor/parameter_store.h"
#include "train/metric_totals.h"
#include "train/rank_exchange.h"

namespace llm::train {

namespace {

// One micro-batch as an evaluation found it.
struct EvaluatedBatch {
  std::vector<double> term_sums;
  std::vector<double> weights;
  MetricSums metrics;
  std::vector<objectives::SampleScore> samples;
};

io::Json optional_value(const auto& value) { return value ? io::Json(*value) : io::Json(); }

io::Json batch_to_json(const EvaluatedBatch& batch) {
  io::Json samples = io::Json::array();
  for (const objectives::SampleScore& s : batch.samples) {
    samples.push_back({s.sample, s.source, s.nll, s.num_targets, optional_value(s.margin),
                       optional_value(s.is_correct)});
  }
  return {batch.term_sums, batch.weights, metrics_to_json(batch.metrics), samples};
}

EvaluatedBatch batch_from_json(const io::Json& json) {
  EvaluatedBatch batch{.term_sums = json.at(0), .weights = json.at(1)};
  batch.metrics = metrics_from_json(json.at(2));
  for (const io::Json& s : json.at(3)) {
    objectives::SampleScore sample{
        .sample = s.at(0), .source = s.at(1), .nll = s.at(2), .num_targets = s.at(3)};
    if (!s.at(4).is_null()) sample.margin = s.at(4).get<double>();
    if (!s.at(5).is_null()) sample.is_correct = s.at(5).get<bool>();
    batch.samples.push_back(sample);
  }
  return batch;
}

EvaluatedBatch evaluate_batch(nn::CausalLM& model, objectives::Objective& objective,
                              const data::RowStream& rows, int64_t begin, int64_t end) {
  std::vector<data::Row> chosen;
  for (int64_t i = begin; i < end; ++i) chosen.push_back(rows.row({0, i}));
  const auto capacity = static_cast<int64_t>(chosen.size()) * rows.max_documents_per_row();
  const data::Batch batch = data::collate(chosen, capacity).to(model.store().device());
  const auto result = objective.evaluate(model, batch);
  EvaluatedBatch evaluated{.weights = objective.weights(batch), .samples = result.samples};
  for (const at::Tensor& sum : result.term_sums) evaluated.term_sums.push_back(sum.item<double>());
  MetricTotals metrics;
  metrics.add(result.metrics);
  evaluated.metrics = metrics.sums();
  return evaluated;
}

// All ranks' micro-batches, in the order of the rows: rank r has those numbered r, r + W, ...
std::vector<EvaluatedBatch> join_batches(dist::ProcessGroup& group,
                                         std::vector<EvaluatedBatch> own) {
  if (group.size() == 1) return own;
  io::Json message = io::Json::array();
  for (const EvaluatedBatch& batch : own) message.push_back(batch_to_json(batch));
  const auto shares = exchange(group, message, "validation");
  std::vector<EvaluatedBatch> all;
  for (size_t round = 0; round < shares.front().size(); ++round) {
    for (const io::Json& share : shares) {
      if (round < share.size()) all.push_back(batch_from_json(share.at(round)));
    }
  }
  return all;
}

}  // namespace

ValidationResult evaluate_rows(nn::CausalLM& model, objectives::Objective& objective,
                               const data::RowStream& rows, const ValidationOptions& options) {
  const int64_t all = rows.rows_in_epoch(0);
  const int64_t count = options.max_rows > 0 ? std::min(options.max_rows, all) : all;
  const int64_t stride = options.rows_per_batch * options.group->size();
  std::vector<EvaluatedBatch> own;
  for (int64_t begin = options.rows_per_batch * options.group->rank(); begin < count;
       begin += stride) {
    own.push_back(evaluate_batch(model, objective, rows, begin,
                                 std::min(begin + options.rows_per_batch, count)));
  }

  const auto terms = objective.terms();
  std::vector<double> sums(terms.size(), 0), weights(terms.size(), 0);
  MetricSums metrics;
  ValidationResult validation;
  for (const EvaluatedBatch& batch : join_batches(*options.group, std::move(own))) {
    for (size_t i = 0; i < terms.size(); ++i) {
      sums[i] += batch.term_sums[i];
      weights[i] += batch.weights[i];
    }
    add_sums(metrics, batch.metrics);
    validation.samples.insert(validation.samples.end(), batch.samples.begin(), batch.samples.end());
  }
  double loss = 0;
  for (size_t i = 0; i < terms.size(); ++i)
    loss += weights[i] > 0 ? terms[i].coefficient * sums[i] / weights[i] : 0;
  validation.values = {{"eval_loss", loss}};
  for (const auto& [name, value] : metric_means(metrics))
    validation.values.emplace_back("eval_" + name, value);
  return validation;
}

}  // namespace llm::train
