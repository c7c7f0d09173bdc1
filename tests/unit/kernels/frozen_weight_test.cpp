// Oracle: the same products with the weight's values in fp32.
#include <torch/csrc/autograd/autograd.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "llm/kernels/linear.h"
#include "llm/kernels/linear_logprob.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

// A frozen weight of half precision under fp32 activations; the second shape exceeds what is
// converted at a time.
TEST(FrozenHalfWeight, EqualsItsValuesInFp32) {
  at::manual_seed(5);
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    for (const int64_t rows : {30, 9000}) {
      const at::Tensor w = at::randn({rows, 600}).to(type), wide = w.to(at::kFloat);
      const at::Tensor b = at::randn({rows}).to(type), x = at::randn({20, 600}).requires_grad_();
      const at::Tensor dy = at::randn({20, rows});
      const at::Tensor y = at::linear(x, wide, b.to(at::kFloat));
      const at::Tensor dx = torch::autograd::grad({y}, {x}, {dy})[0];
      const double close = test::tolerance(at::kFloat, 600);
      EXPECT_TRUE(near(linear_forward(x, {w, b}), y.detach(), close));
      EXPECT_TRUE(near(linear_backward(dy, x.detach(), {w, b}), dx,
                       test::tolerance(at::kFloat, static_cast<double>(rows))));
      linear(x, {w, b}).backward(dy);
      EXPECT_TRUE(near(x.grad(), dx, test::tolerance(at::kFloat, static_cast<double>(rows))));
    }
  }
}

TEST(FrozenHalfWeight, ServesAsAHead) {
  const at::Tensor w = at::randn({97, 40}).to(at::kBFloat16), wide = w.to(at::kFloat);
  const at::Tensor hidden = at::randn({15, 40}).requires_grad_();
  const at::Tensor targets = at::arange(15, at::kLong);
  const double close = test::tolerance(at::kFloat, 97);
  EXPECT_TRUE(near(linear_logprob(hidden, w, targets).logprob,
                   linear_logprob(hidden, wide, targets).logprob, close));
  const auto loss = linear_logprob_known_scale(hidden.detach(), w, targets, 0.5);
  const auto expected = linear_logprob_known_scale(hidden.detach(), wide, targets, 0.5);
  EXPECT_TRUE(near(loss.logprob_sum, expected.logprob_sum, close));
  EXPECT_TRUE(near(loss.dhidden, expected.dhidden, close));
  linear_logprob_deferred(hidden, w, targets).logprob.sum().backward();
  EXPECT_TRUE(near(hidden.grad(), -2 * expected.dhidden, close));
}

tensor::QuantizedPart quantized(const std::string& name, io::GgmlType type, at::IntArrayRef shape) {
  const at::Tensor values = at::randn(shape);
  const io::QuantBlock& block = io::quant_block(type);
  const at::Tensor blocks = at::empty({shape[0], shape[1] / block.values * block.bytes}, at::kByte);
  io::quantize(type, {values.const_data_ptr<float>(), static_cast<size_t>(values.numel())},
               {static_cast<std::byte*>(blocks.data_ptr()), static_cast<size_t>(blocks.numel())});
  return {name, type, blocks};
}

TEST(QuantizedWeight, EqualsItsDecodedValues) {
  at::manual_seed(5);
  for (const int64_t rows : {40, 9000}) {
    const auto matrix = std::make_shared<tensor::QuantizedMatrix>(
        std::vector<tensor::QuantizedPart>{quantized("q", io::GgmlType::kQ8_0, {rows, 512}),
                                           quantized("k", io::GgmlType::kQ4_0, {24, 512})},
        512);
    const at::Tensor wide = matrix->read_rows(0, rows + 24), b = at::randn({rows + 24});
    const at::Tensor a = at::randn({4, 512}).requires_grad_();
    const at::Tensor up = at::randn({24, 4}).requires_grad_();
    const std::vector<LowRankUpdate> updates{{.a = a, .b = up, .row = rows, .scale = 0.5}};
    const at::Tensor x = at::randn({20, 512}).requires_grad_(), dy = at::randn({20, rows + 24});
    const at::Tensor y = linear(x, {wide, b, updates});
    const auto expected = torch::autograd::grad({y}, {x, a, up}, {dy});
    const LinearWeight weight{{}, b, updates, matrix};
    const double close = test::tolerance(at::kFloat, static_cast<double>(rows));
    EXPECT_TRUE(near(linear_forward(x, weight), y.detach(), close));
    EXPECT_TRUE(near(linear_backward(dy, x.detach(), weight), expected[0], close));
    for (const Backend which : {Backend::kReference, Backend::kFused}) {
      const BackendGuard guard(which);
      const at::Tensor again = linear(x, weight);
      EXPECT_TRUE(near(again.detach(), y.detach(), close));
      const auto grads = torch::autograd::grad({again}, {x, a, up}, {dy});
      for (size_t i = 0; i < grads.size(); ++i)
        EXPECT_TRUE(near(grads[i], expected[i], close)) << i;
    }
  }
}

TEST(QuantizedWeight, RefusesAnInputOfAnotherWidth) {
  const auto matrix = std::make_shared<tensor::QuantizedMatrix>(
      std::vector<tensor::QuantizedPart>{quantized("q", io::GgmlType::kQ8_0, {4, 64})}, 64);
  EXPECT_THROW(linear(at::ones({2, 32}), {{}, {}, {}, matrix}), core::ContractViolation);
}

}  // namespace
}  // namespace llm::kernels
