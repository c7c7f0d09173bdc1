// Statistics over things judged twice: held-out samples before and after training, tasks under two
// models.
#pragma once

#include <cstdint>
#include <span>

namespace llm::core {

// A mean per unit of weight, twice, and its change:
//   before = sum b_i / sum w_i, after = sum a_i / sum w_i, change = after - before.
// The standard error is that of a ratio estimator (Cochran, Sampling Techniques, ch. 6): with
// d_i = a_i - b_i and n samples, sqrt(n / (n - 1) * sum (d_i - change w_i)^2) / sum w_i. With equal
// weights that is the paired standard error of a mean.
struct PairedChange {
  double before = 0;
  double after = 0;
  double change = 0;
  double standard_error = 0;  // NaN for fewer than two samples
  int64_t num_samples = 0;

  // |change| in standard errors; the customary bound is 2.
  double z() const;
};

// Requires: equal sizes; weights >= 0 with a sum above 0.
PairedChange paired_change(std::span<const double> before, std::span<const double> after,
                           std::span<const double> weights);

// McNemar's exact test: the two-sided probability that of `gained` + `lost` samples whose verdict
// changed so uneven a share changed one way, were both ways equally likely; 1 where none changed.
double mcnemar_p(int64_t gained, int64_t lost);

}  // namespace llm::core
