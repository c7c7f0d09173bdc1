// Oracle: the reference backend (checked by central differences) and at::silu.
#include "llm/kernels/swiglu.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "llm/kernels/backend.h"
#include "support/device_cases.h"
#include "support/gradcheck.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

TEST(Swiglu, ReferenceGradientsMatchCentralDifferences) {
  test::expect_gradients([](const auto& in) { return swiglu(in[0]); },
                         {at::randn({3, 10}, at::kDouble)});
}

TEST(Swiglu, IsSiluOfTheGateTimesUp) {
  const at::Tensor gate = at::linspace(-100, 100, 1001), up = at::randn({1001});
  EXPECT_TRUE(near(swiglu(at::cat({gate, up})), at::silu(gate) * up, 4 * 0x1p-23));
}

TEST(Swiglu, ExtremeGatesStayFinite) {
  const at::Tensor gate_up = at::tensor({-1e30f, 1e30f, 1.0f, 1.0f}).view({1, 4});
  EXPECT_TRUE(near(swiglu(gate_up), at::tensor({0.0f, 1e30f}).view({1, 2}), 1e-6));
  EXPECT_TRUE(at::isfinite(swiglu_backward(at::ones({1, 2}), gate_up, false)).all().item<bool>());
}

class SwigluParity : public test::DeviceTest {};

TEST_P(SwigluParity, OddShapes) {
  for (const int64_t rows : {1, 7, 33}) {
    for (const int64_t width : {1, 3, 64, 100, 576}) {
      const at::Tensor gate_up = normal({rows, 2 * width}), dy = normal({rows, width});
      const auto run = [&](Backend backend) {
        const BackendGuard guard(backend);
        const at::Tensor y = at::empty_like(dy), memory = gate_up.clone();
        const at::Tensor in_place = swiglu_backward(dy, memory, /*in_place=*/true, y);
        EXPECT_EQ(in_place.data_ptr(), memory.data_ptr());
        return std::vector<at::Tensor>{
            swiglu_forward(gate_up), swiglu_backward(dy, gate_up, /*in_place=*/false), in_place, y};
      };
      const auto expected = run(Backend::kReference), actual = run(Backend::kFused);
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(near(actual[i], expected[i], test::tolerance(GetParam().type, 1)))
            << rows << " x " << width << ", result " << i;
      }
    }
  }
}

TEST_P(SwigluParity, StridedRows) {
  const at::Tensor wide = normal({7, 30}), gate_up = wide.narrow(1, 4, 20);
  EXPECT_TRUE(at::equal(swiglu_forward(gate_up), swiglu_forward(gate_up.contiguous())));
  const at::Tensor dy = normal({7, 14}).narrow(1, 2, 10);
  const at::Tensor expected = swiglu_backward(dy.contiguous(), gate_up.contiguous(), false);
  swiglu_backward(dy, gate_up, /*in_place=*/true);
  EXPECT_TRUE(at::equal(wide.narrow(1, 4, 20), expected));
}

TEST_P(SwigluParity, AutogradAgreesWithTheReference) {
  const at::Tensor gate_up = normal({9, 200}), dy = normal({9, 100});
  const auto gradient = [&](Backend backend) {
    const BackendGuard guard(backend);
    return test::analytic_gradients([](const auto& in) { return swiglu(in[0]); }, {gate_up}, dy)[0];
  };
  EXPECT_TRUE(near(gradient(Backend::kFused), gradient(Backend::kReference),
                   test::tolerance(GetParam().type, 1)));
}

INSTANTIATE_TEST_SUITE_P(Devices, SwigluParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
