// Oracle: at::_fused_adamw_ (torch.optim.AdamW's kernel), a closed form of the first step, fp64
// sums.
#include "llm/kernels/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "support/device_cases.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

TEST(Adamw, FirstStepMovesByTheLearningRateAgainstTheSign) {
  const at::Tensor w = at::full({3}, 2.0f), m = at::zeros({3}), v = at::zeros({3});
  adamw_(w, at::tensor({5.0f, -0.1f, 0.0f}), m, v, {.lr = 0.01, .weight_decay = 0.5});
  EXPECT_TRUE(near(w, at::tensor({1.98f, 2.0f, 1.99f}), 1e-6));
}

TEST(Adamw, RefusesStepZeroAndStridedMemory) {
  const at::Tensor x = at::zeros({8});
  EXPECT_THROW(adamw_(x, x, x, x, {.step = 0}), core::ContractViolation);
  const at::Tensor strided = at::zeros({16}).slice(0, 0, 16, 2);
  EXPECT_THROW(adamw_(x, strided, x, x, {}), core::ContractViolation);
}

// Shards of one range must become what the whole range becomes.
TEST(Adamw, EveryElementIsIndependentOfWhereTheRangeStarts) {
  const at::Tensor w = at::randn({1003}), g = at::randn({1003}), m = at::randn({1003});
  const at::Tensor v = at::rand({1003});
  const AdamwStep step{.lr = 1e-2, .weight_decay = 0.1, .step = 3, .grad_scale = 0.7};
  const at::Tensor whole = w.clone();
  adamw_(whole, g, m.clone(), v.clone(), step);
  const at::Tensor parts = w.clone(), part_m = m.clone(), part_v = v.clone();
  for (const auto& [begin, count] : {std::pair{0, 13}, std::pair{13, 500}, std::pair{513, 490}}) {
    adamw_(parts.narrow(0, begin, count), g.narrow(0, begin, count), part_m.narrow(0, begin, count),
           part_v.narrow(0, begin, count), step);
  }
  EXPECT_TRUE(at::equal(whole, parts));
}

class OptimizerParity : public test::DeviceTest {};

TEST_P(OptimizerParity, FollowsTorchOverTwentySteps) {
  if (GetParam().type != at::kFloat) GTEST_SKIP() << "skipped: moments are fp32";
  for (const int64_t count : {1, 7, 100, 70001}) {
    const at::Tensor w = normal({count}), m = at::zeros_like(w), v = at::zeros_like(w);
    const at::Tensor expected = w.clone(), em = m.clone(), ev = v.clone();
    for (int64_t step = 1; step <= 20; ++step) {
      const at::Tensor g = normal({count});
      adamw_(w, g, m, v, {.lr = 3e-2, .beta2 = 0.99, .weight_decay = 0.1, .step = step});
      at::_fused_adamw_({expected}, {g.clone()}, {em}, {ev}, {},
                        {at::full({}, static_cast<double>(step), options())}, 3e-2, 0.9, 0.99, 0.1,
                        1e-8, false, false);
    }
    const double relative = test::tolerance(at::kFloat, 20);
    EXPECT_TRUE(near(m, em, relative));
    EXPECT_TRUE(near(v, ev, relative));
    EXPECT_TRUE(near(w, expected, relative));
  }
}

TEST_P(OptimizerParity, GradScaleMultipliesTheGradientFirst) {
  if (GetParam().type != at::kFloat) GTEST_SKIP() << "skipped: moments are fp32";
  const at::Tensor g = normal({100});
  const auto run = [&](const at::Tensor& grad, double scale, Backend backend) {
    const BackendGuard guard(backend);
    const at::Tensor w = at::ones({100}, options()), m = at::zeros_like(w), v = at::zeros_like(w);
    adamw_(w, grad, m, v, {.lr = 0.1, .grad_scale = scale});
    return at::stack({w, m, v});
  };
  EXPECT_TRUE(near(run(g, 0.25, Backend::kFused), run(g * 0.25, 1.0, Backend::kReference), 1e-6));
}

TEST_P(OptimizerParity, SquaredNormInFp64) {
  for (const int64_t count : {0, 1, 3, 64, 100003}) {
    const at::Tensor x = normal({count});
    const at::Tensor norm = squared_norm(x);
    EXPECT_EQ(norm.scalar_type(), at::kDouble);
    const double relative = GetParam().device == at::kCUDA ? 1e-6 : 1e-13;
    EXPECT_TRUE(near(norm, x.to(at::kDouble).square().sum(), relative));
    EXPECT_TRUE(at::equal(norm, squared_norm(x)));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, OptimizerParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
