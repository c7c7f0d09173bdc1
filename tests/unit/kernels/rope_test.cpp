// Oracle: the reference backend (checked by central differences), complex multiplication, and the
// property that scores depend on the distance of two positions alone.
#include "llm/kernels/rope.h"

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

at::Tensor frequencies(int64_t half) {
  return at::pow(10000.0, -at::arange(half, at::kFloat) / static_cast<double>(half));
}

at::Tensor positions(std::vector<int> values) { return at::tensor(values, at::kInt); }

TEST(Rope, TableHoldsCosineAndSineOfPositionTimesFrequency) {
  const at::Tensor table = rope_table(at::tensor({1.0f, 0.25f}), 3, 2.0);
  EXPECT_EQ(table.sizes(), (std::vector<int64_t>{3, 2, 2}));
  EXPECT_NEAR(table[2][0][1].item<float>(), 2 * std::cos(0.5), 1e-6);
  EXPECT_NEAR(table[2][1][0].item<float>(), 2 * std::sin(2.0), 1e-6);
}

TEST(Rope, IsMultiplicationByAUnitComplexNumber) {
  const at::Tensor x = at::randn({4, 3, 10}), where = positions({0, 5, 9, 3});
  const at::Tensor pairs = at::complex(x.narrow(2, 0, 5), x.narrow(2, 5, 5));
  const at::Tensor angles = at::outer(where.to(at::kFloat), frequencies(5)).unsqueeze(1);
  const at::Tensor turned = pairs * at::polar(at::ones_like(angles), angles);
  const at::Tensor expected = at::cat({at::real(turned), at::imag(turned)}, -1);
  EXPECT_TRUE(near(rope(x, rope_table(frequencies(5), 10, 1.0), where), expected, 1e-5));
}

TEST(Rope, ScoresDependOnDistanceAlone) {
  const at::Tensor table = rope_table(frequencies(32), 64, 1.0);
  const at::Tensor q = at::randn({1, 1, 64}), k = at::randn({1, 1, 64});
  const auto score = [&](int i, int j) {
    return (rope(q, table, positions({i})) * rope(k, table, positions({j}))).sum().item<float>();
  };
  EXPECT_NEAR(score(10, 3), score(57, 50), 1e-4);
}

TEST(Rope, ReferenceGradientsMatchCentralDifferences) {
  const at::Tensor table = rope_table(frequencies(3), 8, 1.3);
  test::expect_gradients(
      [&](const auto& in) {
        return rope(in[0], table, positions({7, 0, 2}));
      },
      {at::randn({3, 2, 6}, at::kDouble)});
}

TEST(Rope, RefusesAPositionBeyondTheTable) {
  const at::Tensor table = rope_table(frequencies(2), 4, 1.0);
  EXPECT_THROW(rope_(at::ones({1, 1, 4}), table, positions({4})), core::ContractViolation);
  EXPECT_THROW(rope_(at::ones({1, 1, 4}), table, positions({-1})), core::ContractViolation);
}

class RopeParity : public test::DeviceTest {};

TEST_P(RopeParity, InPlaceOnFusedQkvTouchesOnlyItsHeads) {
  for (const int64_t dim : {2, 6, 64, 100}) {
    for (const int64_t tokens : {1, 7, 33}) {
      const at::Tensor table = rope_table(frequencies(dim / 2), 40, 1.0).to(options().device());
      const at::Tensor where =
          at::arange(tokens, at::kInt).flip(0).contiguous().to(options().device());
      const at::Tensor qkv = normal({tokens, 5, dim});
      for (const bool inverse : {false, true}) {
        const auto run = [&](Backend backend) {
          const BackendGuard guard(backend);
          const at::Tensor out = qkv.clone();
          rope_(out.narrow(1, 1, 3), table, where, inverse);
          return out;
        };
        const at::Tensor actual = run(Backend::kFused);
        EXPECT_TRUE(near(actual, run(Backend::kReference), test::tolerance(GetParam().type, 2)));
        EXPECT_TRUE(at::equal(actual.select(1, 0), qkv.select(1, 0)));
        EXPECT_TRUE(at::equal(actual.select(1, 4), qkv.select(1, 4)));
      }
    }
  }
}

TEST_P(RopeParity, InverseUndoesIt) {
  const at::Tensor table = rope_table(frequencies(32), 10, 1.0).to(options().device());
  const at::Tensor where = at::arange(9, at::kInt).to(options().device());
  const at::Tensor x = normal({9, 2, 64}), turned = x.clone();
  rope_(turned, table, where);
  EXPECT_FALSE(at::equal(turned, x));
  rope_(turned, table, where, /*inverse=*/true);
  // The table is fp32, so cos^2 + sin^2 is 1 to fp32.
  const double table_error = test::tolerance(at::kFloat, 1);
  EXPECT_TRUE(near(turned, x, std::max(test::tolerance(GetParam().type, 4), table_error)));
}

TEST_P(RopeParity, AutogradAgreesWithTheReference) {
  const at::Tensor table = rope_table(frequencies(32), 10, 1.0).to(options().device());
  const at::Tensor where = at::arange(9, at::kInt).to(options().device());
  const at::Tensor x = normal({9, 3, 64}), dy = normal({9, 3, 64});
  const auto gradient = [&](Backend backend) {
    const BackendGuard guard(backend);
    return test::analytic_gradients([&](const auto& in) { return rope(in[0], table, where); }, {x},
                                    dy)[0];
  };
  EXPECT_TRUE(near(gradient(Backend::kFused), gradient(Backend::kReference),
                   test::tolerance(GetParam().type, 2)));
}

INSTANTIATE_TEST_SUITE_P(Devices, RopeParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
