// Oracle: the reference backend, which is checked by central differences and a closed form.
#include "llm/kernels/rms_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "support/device_cases.h"
#include "support/gradcheck.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

constexpr double kEps = 1e-5;

TEST(RmsNorm, ReferenceGradientsMatchCentralDifferences) {
  const at::TensorOptions fp64 = at::kDouble;
  test::expect_gradients([](const auto& in) { return rms_norm(in[0], in[1], kEps); },
                         {at::randn({5, 7}, fp64), at::randn({7}, fp64)});
}

TEST(RmsNorm, RowOfEqualNumbersBecomesTheWeight) {
  const at::Tensor weight = at::tensor({0.5f, -2.0f, 3.0f});
  const at::Tensor y = rms_norm(at::full({2, 3}, 4.0f), weight, 0.0);
  EXPECT_TRUE(near(y, weight.expand({2, 3}), 1e-6));
}

TEST(RmsNorm, RefusesAWeightOfAnotherWidth) {
  EXPECT_THROW(rms_norm(at::ones({2, 4}), at::ones({3}), kEps), core::ContractViolation);
}

TEST(RmsNorm, SameBitsEveryTime) {
  const at::Tensor x = at::randn({257, 576}), weight = at::randn({576}), dy = at::randn({257, 576});
  const at::Tensor rstd = rms_norm_forward(x, weight, kEps).rstd;
  const at::Tensor first = at::zeros({576});
  const at::Tensor dx = rms_norm_backward(dy, x, weight, rstd, {}, first);
  for (int repeat = 0; repeat < 5; ++repeat) {
    const at::Tensor again = at::zeros({576});
    EXPECT_TRUE(at::equal(dx, rms_norm_backward(dy, x, weight, rstd, {}, again)));
    EXPECT_TRUE(at::equal(first, again));
  }
}

class RmsNormParity : public test::DeviceTest {
 protected:
  void compare(const at::Tensor& x, const at::Tensor& residual) {
    const int64_t width = x.size(-1);
    const int64_t rows = x.numel() / width;
    const double one_row = test::tolerance(GetParam().type, static_cast<double>(width));
    const at::Tensor weight = normal({width}), dy = normal(x.sizes());
    const auto run = [&](Backend backend) {
      const BackendGuard guard(backend);
      const AddRmsNormOutput sum = add_rms_norm_forward(x, residual, weight, kEps);
      const RmsNormOutput plain = rms_norm_forward(x, weight, kEps);
      const at::Tensor dweight = at::ones_like(weight);
      const at::Tensor dx = rms_norm_backward(dy, x, weight, plain.rstd, residual.clone(), dweight);
      return std::vector<at::Tensor>{
          sum.sum,    sum.y,
          sum.rstd,   plain.y,
          plain.rstd, rms_norm_recompute(x, weight, plain.rstd),
          dx,         rms_norm_backward(dy, x, weight, plain.rstd, {}, {}),
          dweight};
    };
    const std::vector<at::Tensor> expected = run(Backend::kReference),
                                  actual = run(Backend::kFused);
    const double terms = (dy * weight).abs().max().item<double>() *  // of dx, before they cancel
                         expected[4].max().item<double>();
    for (size_t i = 0; i + 1 < expected.size(); ++i) {
      EXPECT_TRUE(near(actual[i], expected[i], one_row, std::max(terms, 1.0))) << "result " << i;
    }
    const double all_rows = test::tolerance(GetParam().type, static_cast<double>(rows));
    EXPECT_TRUE(near(actual.back(), expected.back(), all_rows));
  }
};

TEST_P(RmsNormParity, OddShapes) {
  for (const int64_t rows : {1, 7, 33}) {
    for (const int64_t width : {1, 3, 64, 100, 576}) {
      SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(width));
      compare(normal({rows, width}), normal({rows, width}));
    }
  }
}

TEST_P(RmsNormParity, HeadsOfFusedQkv) {
  const at::Tensor qkv = normal({7, 5, 64});
  compare(qkv.narrow(1, 1, 3), normal({7, 3, 64}));
  compare(qkv.select(1, 2), normal({7, 64}));
}

TEST_P(RmsNormParity, AutogradAgreesWithTheReference) {
  const at::Tensor x = normal({33, 100}), weight = normal({100}), dy = normal({33, 100});
  const auto gradients = [&](Backend backend) {
    const BackendGuard guard(backend);
    return test::analytic_gradients([](const auto& in) { return rms_norm(in[0], in[1], kEps); },
                                    {x, weight}, dy);
  };
  const auto expected = gradients(Backend::kReference), actual = gradients(Backend::kFused);
  EXPECT_TRUE(near(actual[0], expected[0], test::tolerance(GetParam().type, 100)));
  EXPECT_TRUE(near(actual[1], expected[1], test::tolerance(GetParam().type, 100)));
}

INSTANTIATE_TEST_SUITE_P(Devices, RmsNormParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
