// Oracle: the reference backend (checked by central differences), at::cross_entropy_loss, and the
// allocator's own reports for what is alive.
#include "llm/kernels/linear_logprob.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "support/device_cases.h"
#include "support/gradcheck.h"
#include "support/tolerance.h"

namespace llm::kernels {
namespace {

using test::near;

// Follows every CPU allocation of this thread while it lives.
class AllocationObserver : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    alive_ += size;
    peak_ = std::max(peak_, alive_);
    largest_ = std::max(largest_, size);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t peak() const { return peak_; }
  int64_t largest() const { return largest_; }

 private:
  int64_t alive_ = 0, peak_ = 0, largest_ = 0;
};

template <class Body>
std::shared_ptr<AllocationObserver> observe(const Body& body) {
  auto observer = std::make_shared<AllocationObserver>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, observer);
  body();
  return observer;
}

at::Tensor some_ignored(int64_t tokens, int64_t vocabulary) {
  const at::Tensor targets = at::randint(vocabulary, {tokens}, at::kLong);
  for (int64_t t = 0; t < tokens; t += 3) targets[t] = kIgnoreTarget;
  return targets;
}

TEST(LinearLogprob, ReferenceGradientsMatchCentralDifferences) {
  const at::Tensor targets = some_ignored(5, 11);
  test::expect_gradients(
      [&](const auto& in) { return linear_logprob_deferred(in[0], in[1], targets).logprob; },
      {at::randn({5, 4}, at::kDouble), at::randn({11, 4}, at::kDouble)});
}

TEST(LinearLogprob, IsMinusCrossEntropy) {
  const at::Tensor hidden = at::randn({33, 64}), weight = at::randn({100, 64});
  const at::Tensor targets = some_ignored(33, 100);
  const at::Tensor expected =
      at::cross_entropy_loss(at::mm(hidden, weight.t()), targets, {}, at::Reduction::None);
  EXPECT_TRUE(near(-linear_logprob(hidden, weight, targets).logprob, expected, 1e-5));
}

TEST(LinearLogprob, EqualLogitsAreUniform) {
  const LogprobOutput out =
      linear_logprob(at::zeros({2, 3}), at::randn({7, 3}), at::tensor({int64_t{0}, int64_t{6}}),
                     {.with_entropy = true, .with_hits = true});
  EXPECT_NEAR(out.logprob[1].item<float>(), -std::log(7.0), 1e-6);
  EXPECT_NEAR(out.entropy[0].item<float>(), std::log(7.0), 1e-6);
  EXPECT_TRUE(out.hits[0].item<bool>());
  EXPECT_FALSE(out.hits[1].item<bool>()) << "the first of equal logits is the argmax";
}

TEST(LinearLogprob, HugeLogitsStayFinite) {
  const at::Tensor hidden = at::tensor({1e4f}).view({1, 1});
  const at::Tensor weight = at::tensor({1.0f, -1.0f, 0.5f}).view({3, 1});
  const at::Tensor out = linear_logprob(hidden, weight, at::tensor({int64_t{1}})).logprob;
  EXPECT_FLOAT_EQ(out.item<float>(), -2e4f);
}

TEST(LinearLogprob, RefusesATargetOutsideTheVocabulary) {
  EXPECT_THROW(linear_logprob(at::ones({1, 2}), at::ones({3, 2}), at::tensor({int64_t{3}})),
               core::ContractViolation);
}

TEST(LinearLogprob, AllIgnoredIsZeroEverywhere) {
  const at::Tensor hidden = at::randn({6, 8}).requires_grad_();
  const at::Tensor weight = at::randn({11, 8}).requires_grad_();
  weight.mutable_grad() = at::zeros({11, 8});
  const at::Tensor targets = at::full({6}, kIgnoreTarget, at::kLong);
  const ScaledLoss loss =
      linear_logprob_known_scale(hidden, weight, targets, 1.0, {.with_hits = true});
  EXPECT_EQ(loss.logprob_sum.item<float>(), 0);
  EXPECT_EQ(loss.hits.item<int64_t>(), 0);
  EXPECT_TRUE(at::equal(loss.dhidden, at::zeros({6, 8})));
  linear_logprob_deferred(hidden, weight, targets).logprob.sum().backward();
  EXPECT_TRUE(at::equal(hidden.grad(), at::zeros({6, 8})));
  EXPECT_TRUE(at::equal(weight.grad(), at::zeros({11, 8})));
}

TEST(LinearLogprob, OneChunkOfLogitsLivesAndNoSecondWeightGradient) {
  constexpr int64_t kTokens = 512, kDim = 16, kVocabulary = 8192, kChunk = 32;
  constexpr int64_t kChunkBytes = kChunk * kVocabulary * 4;
  const at::Tensor hidden = at::randn({kTokens, kDim}).requires_grad_();
  const at::Tensor weight = at::randn({kVocabulary, kDim}).requires_grad_();
  weight.mutable_grad() = at::zeros({kVocabulary, kDim});
  const at::Tensor targets = some_ignored(kTokens, kVocabulary);
  const LogprobOptions options{.chunk_tokens = kChunk};
  // Beside the chunk: dhidden twice (gathered, spread), the gathered inputs, rows of statistics.
  constexpr int64_t kSmall = 4 * kTokens * kDim * 4 + 32 * kTokens * 8;
  static_assert(kSmall < kVocabulary * kDim * 4, "a second dW must not hide in the margin");
  const auto scaled =
      observe([&] { linear_logprob_known_scale(hidden, weight, targets, 1.0, options); });
  EXPECT_LE(scaled->largest(), kChunkBytes);
  EXPECT_LE(scaled->peak(), kChunkBytes + kSmall);
  at::Tensor logprob;
  const auto forward =
      observe([&] { logprob = linear_logprob_deferred(hidden, weight, targets, options).logprob; });
  EXPECT_LE(forward->peak(), kChunkBytes + kSmall);
  const auto backward = observe([&] { logprob.sum().backward(); });
  EXPECT_LE(backward->peak(), kChunkBytes + kSmall);
}

TEST(LinearLogprob, IgnoredTokensCostNoLogits) {
  const at::Tensor hidden = at::randn({512, 16}), weight = at::randn({4096, 16});
  const at::Tensor targets = at::full({512}, kIgnoreTarget, at::kLong);
  targets[100] = 7;
  const auto observer = observe([&] { linear_logprob(hidden, weight, targets); });
  EXPECT_LE(observer->largest(), 4096 * 4);
}

class LinearLogprobParity : public test::DeviceTest {
 protected:
  // With half types, logits of order sqrt(D) carry the inputs' exactness; products are fp32.
  double relative(int64_t length) const {
    return test::tolerance(GetParam().type, static_cast<double>(length));
  }

  struct Case {
    at::Tensor hidden, weight, targets;
  };

  Case make(int64_t tokens, int64_t dim, int64_t vocabulary, bool all_trained) const {
    const at::Tensor targets = all_trained ? at::randint(vocabulary, {tokens}, at::kLong)
                                           : some_ignored(tokens, vocabulary);
    return {normal({tokens, dim}), normal({vocabulary, dim}) * 0.3, targets.to(options().device())};
  }

  std::vector<at::Tensor> values(const Case& c, Backend backend, int64_t chunk) const {
    const BackendGuard guard(backend);
    const LogprobOutput out =
        linear_logprob(c.hidden, c.weight, c.targets, {chunk, /*with_entropy=*/true, true});
    return {out.logprob, out.entropy, out.hits};
  }

  std::vector<at::Tensor> known_scale(const Case& c, Backend backend, int64_t chunk) const {
    const BackendGuard guard(backend);
    const at::Tensor weight = c.weight.clone().requires_grad_();
    weight.mutable_grad() = at::ones_like(c.weight);
    const ScaledLoss out = linear_logprob_known_scale(c.hidden, weight, c.targets, 0.37,
                                                      {.chunk_tokens = chunk, .with_hits = true});
    return {out.logprob_sum, out.dhidden, weight.grad(), out.hits};
  }

  std::vector<at::Tensor> deferred(const Case& c, Backend backend, bool preset,
                                   const at::Tensor& upstream) const {
    const BackendGuard guard(backend);
    const at::Tensor weight = c.weight.clone().requires_grad_();
    const at::Tensor hidden = c.hidden.clone().requires_grad_();
    if (preset) weight.mutable_grad() = at::zeros_like(c.weight);
    void* memory = preset ? weight.grad().data_ptr() : nullptr;
    const LogprobOutput out =
        linear_logprob_deferred(hidden, weight, c.targets, {.chunk_tokens = 5});
    out.logprob.backward(upstream.to(out.logprob.scalar_type()));
    EXPECT_TRUE(!preset || weight.grad().data_ptr() == memory);
    return {out.logprob.detach(), hidden.grad(), weight.grad()};
  }
};

TEST_P(LinearLogprobParity, ValuesForEveryChunkSize) {
  for (const int64_t tokens : {1, 7, 33}) {
    for (const int64_t vocabulary : {2, 3, 100, 1000}) {
      const Case c = make(tokens, 64, vocabulary, tokens == 7);
      const auto expected = values(c, Backend::kReference, 0);
      for (const int64_t chunk : {0, 1, 5, 100}) {
        const auto actual = values(c, Backend::kFused, chunk);
        EXPECT_TRUE(near(actual[0], expected[0], relative(vocabulary + 64)));
        EXPECT_TRUE(near(actual[1], expected[1], relative(vocabulary + 64)));
        EXPECT_TRUE(at::equal(actual[2], expected[2]));
      }
    }
  }
}

TEST_P(LinearLogprobParity, KnownScale) {
  for (const int64_t tokens : {1, 7, 33}) {
    for (const int64_t chunk : {0, 4}) {
      const Case c = make(tokens, 100, 1000, tokens == 33);
      const auto expected = known_scale(c, Backend::kReference, 0);
      const auto actual = known_scale(c, Backend::kFused, chunk);
      EXPECT_TRUE(near(actual[0], expected[0], relative(1100)));
      EXPECT_TRUE(near(actual[1], expected[1], relative(1100)));
      EXPECT_TRUE(near(actual[2], expected[2], relative(1100)));
      EXPECT_EQ(actual[3].item<int64_t>(), expected[3].item<int64_t>());
    }
  }
}

TEST_P(LinearLogprobParity, DeferredForArbitraryUpstreamGradients) {
  for (const bool preset : {false, true}) {
    for (const bool all_trained : {false, true}) {
      const Case c = make(17, 40, 300, all_trained);
      const at::Tensor upstream = at::randn({17}).to(options().device());
      const auto expected = deferred(c, Backend::kReference, preset, upstream);
      const auto actual = deferred(c, Backend::kFused, preset, upstream);
      for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(near(actual[i], expected[i], relative(340)));
    }
  }
}

TEST_P(LinearLogprobParity, SameBitsEveryTime) {
  const Case c = make(65, 64, 5000, false);
  const auto first = known_scale(c, Backend::kFused, 16);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto again = known_scale(c, Backend::kFused, 16);
    for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], again[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, LinearLogprobParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
