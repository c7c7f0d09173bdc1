// Oracle: std::exp in double.
#include "kernels/cpu/simd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace llm::kernels::cpu {
namespace {

LLM_MULTIARCH void exp_of(const float* x, float* y) { store(y, exp(load(x, kLanes)), kLanes); }

float exp_of(float x) {
  const float in[kLanes] = {x, x, x, x, x, x, x, x};
  float out[kLanes];
  exp_of(in, out);
  return out[3];
}

TEST(Simd, ExpIsWithinTwoUlpOverItsRange) {
  double worst = 0;
  for (float x = -87.3f; x < 88.3f; x += 0.00137f) {
    const double exact = std::exp(static_cast<double>(x));
    const float nearest = static_cast<float>(exact);
    const double ulp = std::nextafter(nearest, std::numeric_limits<float>::infinity()) - nearest;
    worst = std::max(worst, std::abs(exp_of(x) - exact) / ulp);
  }
  EXPECT_LT(worst, 2.0);
  EXPECT_EQ(exp_of(0.0f), 1.0f);
}

TEST(Simd, ExpClampsAndKeepsNan) {
  EXPECT_LT(exp_of(-std::numeric_limits<float>::infinity()), 1.3e-38f);
  EXPECT_TRUE(std::isfinite(exp_of(1000.0f)));
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Simd, PartialLoadsAndStoresKeepToTheirCount) {
  const float in[3] = {1, 2, 3};
  const Float8 lanes = load(in, 3, -1.0f);
  EXPECT_EQ(sum_lanes(lanes), 1.0f);
  EXPECT_EQ(max_lane(lanes), 3.0f);
  float out[kLanes] = {9, 9, 9, 9, 9, 9, 9, 9};
  store(out, lanes, 2);
  EXPECT_EQ(out[1], 2.0f);
  EXPECT_EQ(out[2], 9.0f);
}

}  // namespace
}  // namespace llm::kernels::cpu
