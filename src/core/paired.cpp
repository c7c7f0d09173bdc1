#include "llm/core/paired.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "llm/core/check.h"

namespace llm::core {

double PairedChange::z() const { return std::abs(change) / standard_error; }

PairedChange paired_change(std::span<const double> before, std::span<const double> after,
                           std::span<const double> weights) {
  LLM_CHECK(before.size() == after.size() && after.size() == weights.size(),
            "{} samples before, {} after, {} weights", before.size(), after.size(), weights.size());
  const auto sum = [](std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  const double weight = sum(weights);
  LLM_CHECK(weight > 0, "{} samples without weight", weights.size());
  PairedChange result;
  result.num_samples = static_cast<int64_t>(before.size());
  result.before = sum(before) / weight;
  result.after = sum(after) / weight;
  result.change = result.after - result.before;
  double squares = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const double residual = after[i] - before[i] - result.change * weights[i];
    squares += residual * residual;
  }
  const auto n = static_cast<double>(before.size());
  result.standard_error =
      n < 2 ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(n / (n - 1) * squares) / weight;
  return result;
}

double mcnemar_p(int64_t gained, int64_t lost) {
  LLM_CHECK(gained >= 0 && lost >= 0, "{} gained, {} lost", gained, lost);
  const auto n = static_cast<double>(gained + lost);
  double tail = 0;  // P(X <= fewer), X ~ Binomial(n, 1/2)
  for (int64_t k = 0; k <= std::min(gained, lost); ++k) {
    const auto x = static_cast<double>(k);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) -
                     n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace llm::core
