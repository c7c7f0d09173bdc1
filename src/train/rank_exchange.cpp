#include "train/rank_exchange.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

namespace llm::train {

namespace {

// CBOR keeps every bit of a double, NaN included.
std::string to_bytes(const io::Json& json) {
  std::string bytes;
  io::Json::to_cbor(json, bytes);
  return bytes;
}

}  // namespace

io::Json metrics_to_json(const MetricSums& metrics) {
  io::Json json = io::Json::object();
  for (const auto& [name, ratio] : metrics) json[name] = {ratio.sum, ratio.weight};
  return json;
}

MetricSums metrics_from_json(const io::Json& json) {
  MetricSums metrics;
  for (const auto& [name, ratio] : json.items())
    metrics[name] = {ratio.at(0).get<double>(), ratio.at(1).get<double>()};
  return metrics;
}

std::vector<io::Json> exchange(dist::ProcessGroup& group, const io::Json& own,
                               const std::string& label) {
  std::vector<io::Json> all;
  for (const std::string& bytes : group.all_gather_bytes(to_bytes(own), label))
    all.push_back(io::Json::from_cbor(bytes));
  return all;
}

StepShare join_shares(dist::ProcessGroup& group, const StepShare& own) {
  if (group.size() == 1) return own;
  const io::Json message = {own.loss, own.tokens, own.squared_grad_norm,
                            metrics_to_json(own.metrics)};
  StepShare joined;
  int rank = 0;
  for (const io::Json& share : exchange(group, message, "losses of the step")) {
    const auto loss = share.at(0).get<double>();
    if (!std::isfinite(loss)) joined.non_finite_ranks.push_back(rank);
    ++rank;
    joined.loss += loss;
    joined.tokens += share.at(1).get<int64_t>();
    joined.squared_grad_norm += share.at(2).get<double>();
    add_sums(joined.metrics, metrics_from_json(share.at(3)));
  }
  return joined;
}

std::string origin_text(const StepShare& joined) {
  if (joined.non_finite_ranks.empty()) return "";
  return fmt::format(", from rank {}", fmt::join(joined.non_finite_ranks, ", "));
}

std::vector<double> join_sums(dist::ProcessGroup& group, const std::vector<double>& own,
                              const std::string& label) {
  if (group.size() == 1) return own;
  std::vector<double> sums(own.size(), 0);
  for (const io::Json& part : exchange(group, own, label)) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += part.at(i).get<double>();
  }
  return sums;
}

std::string join_texts(dist::ProcessGroup& group, const std::string& own,
                       const std::string& label) {
  std::string joined;
  for (const std::string& text : group.all_gather_bytes(own, label)) {
    if (!text.empty()) joined += (joined.empty() ? "" : " ") + text;
  }
  return joined;
}

double value_of_first_rank(dist::ProcessGroup& group, const std::function<double()>& value,
                           const std::string& label) {
  return join_sums(group, {group.rank() == 0 ? value() : 0}, label).front();
}

}  // namespace llm::train
