// Oracle: the merged weight W + scale * B A and the chain rule through it; the reference under
// autograd; central differences.
#include <torch/csrc/autograd/autograd.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "llm/kernels/linear.h"
#include "support/device_cases.h"
#include "support/gradcheck.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

constexpr int64_t kIn = 100, kOut = 64;

NoiseContext noise_for(int64_t tokens) { return {42, at::arange(tokens, at::kLong) * 7919}; }

TEST(LowRank, GradientsMatchCentralDifferences) {
  const auto fp64 = [](at::IntArrayRef sizes) { return at::randn(sizes, at::kDouble); };
  const std::vector<at::Tensor> inputs = {fp64({4, 3}), fp64({6, 3}), fp64({6}),   fp64({2, 3}),
                                          fp64({3, 2}), fp64({1, 3}), fp64({2, 1})};
  const auto function = [](const std::vector<at::Tensor>& in) {
    const LinearWeight weight{
        in[1],
        in[2],
        {{.a = in[3], .b = in[4], .row = 0, .scale = 0.7, .dropout = 0.4, .stream = 1},
         {.a = in[5], .b = in[6], .row = 4, .scale = 1.5}}};
    return linear(in[0], weight, noise_for(4));
  };
  test::expect_gradients(function, inputs);
}

TEST(LowRank, RefusesAnUpdateBeyondTheWeight) {
  const at::Tensor a = at::ones({2, 3}), b = at::ones({4, 2});
  EXPECT_THROW(linear(at::ones({1, 3}), {at::ones({5, 3}), {}, {{.a = a, .b = b, .row = 2}}}),
               core::ContractViolation);
}

class LowRankParity : public test::DeviceTest {
 protected:
  at::Tensor trained(at::IntArrayRef sizes, at::ScalarType type) const {
    at::Tensor leaf = (0.3 * normal(sizes)).to(type).requires_grad_();
    leaf.mutable_grad() = at::ones_like(leaf);
    return leaf;
  }
  // Two parts of the output, as q and v of a fused projection; `factors`: the type of A and B.
  LinearWeight adapted(double dropout, at::ScalarType factors) const {
    return {normal({kOut, kIn}),
            normal({kOut}),
            {{.a = trained({8, kIn}, factors),
              .b = trained({24, 8}, factors),
              .row = 0,
              .scale = 2,
              .dropout = dropout,
              .stream = 5},
             {.a = trained({3, kIn}, factors),
              .b = trained({16, 3}, factors),
              .row = kOut - 16,
              .scale = 0.5,
              .dropout = dropout,
              .stream = 6}}};
  }
};

std::vector<at::Tensor> leaves_of(const LinearWeight& weight) {
  std::vector<at::Tensor> leaves;
  for (const LowRankUpdate& update : weight.updates) {
    leaves.push_back(update.a);
    leaves.push_back(update.b);
  }
  return leaves;
}

TEST_P(LowRankParity, EqualsTheReferenceUnderAutograd) {
  for (const double dropout : {0.0, 0.3}) {
    for (const at::ScalarType factors : {GetParam().type, at::kFloat}) {
      if (factors == at::kFloat && GetParam().type == at::kDouble) continue;
      const int64_t tokens = 33;
      const at::Tensor x = normal({tokens, kIn + 9}).narrow(1, 3, kIn), dy = normal({tokens, kOut});
      const LinearWeight weight = adapted(dropout, factors);
      const NoiseContext noise = noise_for(tokens);
      std::vector<at::Tensor> expected;
      at::Tensor y;
      {
        const BackendGuard guard(Backend::kReference);
        std::vector<at::Tensor> inputs = leaves_of(weight);
        inputs.push_back(x.contiguous().requires_grad_());
        y = linear(inputs.back(), weight, noise);
        expected = torch::autograd::grad({y}, inputs, {dy});
      }
      const double wide = 4 * test::tolerance(GetParam().type, kIn);
      EXPECT_TRUE(near(linear_forward(x, weight, noise), y.detach(), wide));
      EXPECT_TRUE(near(linear_backward(dy, x, weight, noise), expected.back(), wide));
      const std::vector<at::Tensor> leaves = leaves_of(weight);
      for (size_t i = 0; i < leaves.size(); ++i)
        EXPECT_TRUE(near(leaves[i].grad(), expected[i] + 1, wide)) << "leaf " << i;
      EXPECT_FALSE(weight.weight.grad().defined());
    }
  }
}

TEST_P(LowRankParity, WithoutNoiseItIsTheMergedWeight) {
  const double wide = 4 * test::tolerance(GetParam().type, kIn);
  const at::Tensor x = normal({33, kIn}), dy = normal({33, kOut});
  const LinearWeight weight = adapted(/*dropout=*/0.9, GetParam().type);
  const at::Tensor merged = weight.weight.clone();
  for (const LowRankUpdate& update : weight.updates) {
    merged.narrow(0, update.row, update.b.size(0))
        .add_(at::mm(update.b, update.a).detach(), update.scale);
  }
  EXPECT_TRUE(near(linear_forward(x, weight), at::linear(x, merged, weight.bias), wide));
  EXPECT_TRUE(near(linear_backward(dy, x, weight), at::mm(dy, merged), wide));
  const at::Tensor dmerged = at::mm(dy.t(), x);  // [O, I]
  for (const LowRankUpdate& update : weight.updates) {
    const at::Tensor part = dmerged.narrow(0, update.row, update.b.size(0));
    EXPECT_TRUE(near(update.a.grad(), 1 + update.scale * at::mm(update.b.t(), part), wide));
    EXPECT_TRUE(near(update.b.grad(), 1 + update.scale * at::mm(part, update.a.t()), wide));
  }
}

TEST_P(LowRankParity, AutogradAddsToThePresetGradientsAndLeavesTheWeightAlone) {
  const at::Tensor x = normal({7, kIn}).requires_grad_(), dy = normal({7, kOut});
  const LinearWeight weight = adapted(0.2, GetParam().type);
  const at::Tensor before = weight.weight.clone();
  const auto run = [&](Backend backend) {
    const BackendGuard guard(backend);
    x.mutable_grad() = at::Tensor();
    std::vector<at::Tensor> grads;
    for (const at::Tensor& leaf : leaves_of(weight)) leaf.grad().zero_();
    linear(x, weight, noise_for(7)).backward(dy);
    for (const at::Tensor& leaf : leaves_of(weight)) grads.push_back(leaf.grad().clone());
    grads.push_back(x.grad());
    return grads;
  };
  void* memory = weight.updates[0].a.grad().data_ptr();
  const auto expected = run(Backend::kReference), actual = run(Backend::kFused);
  EXPECT_EQ(weight.updates[0].a.grad().data_ptr(), memory);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(near(actual[i], expected[i], 4 * test::tolerance(GetParam().type, kIn))) << i;
  EXPECT_FALSE(weight.weight.grad().defined());
  EXPECT_TRUE(at::equal(weight.weight, before));
}

INSTANTIATE_TEST_SUITE_P(Devices, LowRankParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
