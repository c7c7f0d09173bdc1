// Oracle: ORPO's values computed in fp64 from the formula (log1p, expm1), and central differences.
#include "llm/objectives/log_odds.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "llm/objectives/preference.h"

namespace llm::objectives {
namespace {

at::Tensor number(double x) { return at::tensor({x}, at::kDouble); }

// The loss of one pair with these mean log-probabilities, and its gradients.
struct PairGradient {
  double loss, chosen, rejected;
};

PairGradient orpo_pair(double chosen, double rejected, at::ScalarType type = at::kDouble) {
  at::Tensor w = number(chosen).to(type).requires_grad_();
  at::Tensor l = number(rejected).to(type).requires_grad_();
  const auto losses = orpo_losses({.chosen_sum = w,
                                   .rejected_sum = l,
                                   .chosen_mean = w,
                                   .rejected_mean = l,
                                   .chosen_reference = {},
                                   .rejected_reference = {}},
                                  {.beta = 0.1});
  torch::autograd::backward({losses.losses.sum()}, {});
  return {losses.losses.item<double>(), w.grad().item<double>(), l.grad().item<double>()};
}

// Values of docs/post_training.md.
TEST(OrpoLoss, WorkedValues) {
  struct Case {
    double chosen, rejected, loss, dchosen, drejected;
  };
  for (const Case& c : {Case{-0.5, -1.0, 0.3202997852, -0.6965437736, 0.4335701714},
                        Case{-1.0, -0.5, 1.2943767694, -1.1484065354, 1.8449503090},
                        Case{-2.0, -2.0, 0.6931471806, -0.5782588214, 0.5782588214},
                        Case{-1e-4, -5.0, 6.783991799e-07, -6.784328703e-03, 6.830009742e-07}}) {
    const PairGradient pair = orpo_pair(c.chosen, c.rejected);
    EXPECT_NEAR(pair.loss, c.loss, 1e-9 * std::max(1.0, std::abs(c.loss)));
    EXPECT_NEAR(pair.chosen, c.dchosen, 1e-8 * std::abs(c.dchosen) + 1e-12);
    EXPECT_NEAR(pair.rejected, c.drejected, 1e-8 * std::abs(c.drejected) + 1e-12);
  }
}

TEST(OrpoLoss, GradientsAreThoseOfDifferences) {
  constexpr double kStep = 1e-6;
  for (const double chosen : {-0.01, -0.3, -0.693, -0.7, -3.0, -30.0}) {
    for (const double rejected : {-0.02, -0.692, -0.694, -8.0}) {
      const PairGradient pair = orpo_pair(chosen, rejected);
      const double by_chosen =
          (orpo_pair(chosen + kStep, rejected).loss - orpo_pair(chosen - kStep, rejected).loss) /
          (2 * kStep);
      const double by_rejected =
          (orpo_pair(chosen, rejected + kStep).loss - orpo_pair(chosen, rejected - kStep).loss) /
          (2 * kStep);
      EXPECT_NEAR(pair.chosen, by_chosen, 1e-6 * std::max(1.0, std::abs(by_chosen)));
      EXPECT_NEAR(pair.rejected, by_rejected, 1e-6 * std::max(1.0, std::abs(by_rejected)));
    }
  }
}

TEST(OrpoLoss, NothingBecomesInfiniteOrNan) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    for (const double a : {0.0, -1e-9, -1e-4, -0.693, -0.6931471805599453, -5.0, -80.0, -1e4}) {
      for (const double b : {0.0, -1e-9, -0.693, -5.0, -80.0, -1e4}) {
        const PairGradient pair = orpo_pair(a, b, type);
        EXPECT_TRUE(std::isfinite(pair.loss)) << a << " " << b;
        EXPECT_TRUE(std::isfinite(pair.chosen) && std::isfinite(pair.rejected)) << a << " " << b;
      }
    }
  }
}

TEST(OrpoLoss, EqualAnswersCostLogTwo) {
  for (const double l : {-1e-9, -0.5, -80.0})
    EXPECT_NEAR(orpo_pair(l, l).loss, std::log(2.0), 1e-12);
}

TEST(Log1mexp, IsContinuousWhereItsBranchesMeet) {
  const double border = -std::log(2.0);
  EXPECT_NEAR(log1mexp(number(border * (1 + 1e-12))).item<double>(),
              log1mexp(number(border * (1 - 1e-12))).item<double>(), 1e-11);
  EXPECT_NEAR(log1mexp(number(-1e-9)).item<double>(), std::log(1e-9), 1e-9);
  EXPECT_NEAR(log1mexp(number(-40.0)).item<double>(), -std::exp(-40.0), 1e-30);
}

}  // namespace
}  // namespace llm::objectives
