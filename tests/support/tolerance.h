// Tolerances that follow from the arithmetic instead of from trial: a value computed with `length`
// rounded additions and stored in a type carries a relative error of about
//   eps(type) + sqrt(length) * eps(accumulator)
// of the magnitude of what was added up. The factor in front covers constants of order one.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace llm::test {

inline double epsilon(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return 0x1p-52;
    case at::kFloat:
      return 0x1p-23;
    case at::kHalf:
      return 0x1p-10;
    case at::kBFloat16:
      return 0x1p-7;
    default:
      return 0;
  }
}

inline constexpr double kToleranceFactor = 8;

// Relative tolerance of a reduction over `length` terms accumulated in fp32 (fp64 for fp64).
inline double tolerance(at::ScalarType type, double length) {
  const double accumulator = type == at::kDouble ? epsilon(type) : epsilon(at::kFloat);
  return kToleranceFactor * (epsilon(type) + std::sqrt(length) * accumulator);
}

// Largest |actual - expected| against `relative` times the largest |expected| or `floor`, the size
// of the terms that were added up: sums of terms that cancel keep the terms' rounding.
inline ::testing::AssertionResult near(const at::Tensor& actual, const at::Tensor& expected,
                                       double relative, double floor = 1) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << actual.sizes() << " instead of " << expected.sizes();
  }
  if (actual.numel() == 0) return ::testing::AssertionSuccess();
  const at::Tensor a = actual.to(at::kCPU, at::kDouble);
  const at::Tensor e = expected.to(at::kCPU, at::kDouble);
  const double error = (a - e).abs().max().item<double>();
  const double scale = std::max(e.abs().max().item<double>(), floor);
  if (error <= relative * scale) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "largest error " << error << " of values up to " << scale
                                       << ", allowed " << relative * scale;
}

}  // namespace llm::test
