// Oracle: at::linear under autograd, central differences.
#include "llm/kernels/linear.h"

#include <torch/csrc/autograd/autograd.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "support/device_cases.h"
#include "support/gradcheck.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

TEST(Linear, GradientsMatchCentralDifferences) {
  const std::vector<at::Tensor> inputs = {
      at::randn({4, 3}, at::kDouble), at::randn({5, 3}, at::kDouble), at::randn({5}, at::kDouble)};
  test::expect_gradients([](const auto& in) { return linear(in[0], {in[1], in[2]}); }, inputs);
}

TEST(Linear, RefusesAWeightOfAnotherWidth) {
  EXPECT_THROW(linear(at::ones({2, 4}), {at::ones({3, 5}), {}}), core::ContractViolation);
}

at::Tensor leaf_with_gradient(const at::Tensor& values) {
  const at::Tensor leaf = values.clone().requires_grad_();
  leaf.mutable_grad() = at::ones_like(values);
  return leaf;
}

class LinearParity : public test::DeviceTest {};

TEST_P(LinearParity, ForwardAndBackwardAgreeWithAtLinear) {
  for (const int64_t tokens : {1, 7, 33}) {
    for (const bool with_bias : {false, true}) {
      const at::Tensor x = normal({tokens, 130}).narrow(1, 3, 100), dy = normal({tokens, 64});
      const at::Tensor w = leaf_with_gradient(normal({64, 100}));
      const at::Tensor b = with_bias ? leaf_with_gradient(normal({64})) : at::Tensor();
      const double wide = test::tolerance(GetParam().type, 100);
      const at::Tensor plain_x = x.contiguous().requires_grad_();
      const at::Tensor plain_w = w.detach().clone().requires_grad_();
      const at::Tensor y = at::linear(plain_x, plain_w, with_bias ? b.detach() : at::Tensor());
      const auto grads = torch::autograd::grad({y}, {plain_x, plain_w}, {dy});

      EXPECT_TRUE(near(linear_forward(x, {w, b}), y.detach(), wide));
      EXPECT_TRUE(near(linear_backward(dy, x, {w, b}), grads[0], wide));
      EXPECT_TRUE(near(w.grad(), grads[1] + 1, test::tolerance(GetParam().type, tokens)));
      if (with_bias) {
        EXPECT_TRUE(near(b.grad(), dy.sum(0) + 1, test::tolerance(GetParam().type, tokens)));
      }
    }
  }
}

TEST_P(LinearParity, AutogradAddsToThePresetGradient) {
  const at::Tensor x = normal({7, 100}).requires_grad_(), dy = normal({7, 64});
  const at::Tensor values = normal({64, 100});
  const auto run = [&](Backend backend) {
    const BackendGuard guard(backend);
    x.mutable_grad() = at::Tensor();
    const at::Tensor w = leaf_with_gradient(values);
    void* memory = w.grad().data_ptr();
    linear(x, {w, {}}).backward(dy);
    EXPECT_EQ(w.grad().data_ptr(), memory);
    return std::vector<at::Tensor>{w.grad(), x.grad()};
  };
  const auto expected = run(Backend::kReference), actual = run(Backend::kFused);
  EXPECT_TRUE(near(actual[0], expected[0], test::tolerance(GetParam().type, 7)));
  EXPECT_TRUE(near(actual[1], expected[1], test::tolerance(GetParam().type, 64)));
}

TEST_P(LinearParity, Fp32GradientOfAHalfWeight) {
  if (GetParam().type != at::kBFloat16) GTEST_SKIP() << "skipped: half types only";
  const at::Tensor w = normal({64, 100}).requires_grad_(), x = normal({33, 100});
  const at::Tensor dy = normal({33, 64});
  w.mutable_grad() = at::zeros({64, 100}, options().dtype(at::kFloat));
  linear_backward(dy, x, {w, {}});
  const at::Tensor expected = at::mm(dy.t().to(at::kDouble), x.to(at::kDouble));
  EXPECT_TRUE(near(w.grad(), expected, test::tolerance(at::kFloat, 33)));
}

INSTANTIATE_TEST_SUITE_P(Devices, LinearParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
