// Oracle: the reference backend (checked by central differences), at::scaled_dot_product_attention,
// and properties: packed documents are each document alone; cached is full.
#include "llm/kernels/attention.h"

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

AttentionShape documents(const std::vector<int>& lengths, double scale,
                         at::Device device = at::kCPU) {
  std::vector<int> borders = {0};
  int longest = 0;
  for (const int length : lengths) {
    borders.push_back(borders.back() + length);
    longest = std::max(longest, length);
  }
  return {at::tensor(borders, at::kInt).to(device), longest, scale};
}

at::Tensor full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto batched = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
  return at::scaled_dot_product_attention(batched(q), batched(k), batched(v), {}, 0.0, true, {},
                                          true)
      .squeeze(0)
      .transpose(0, 1);
}

TEST(Attention, ReferenceGradientsMatchCentralDifferences) {
  const AttentionShape shape = documents({3, 0, 1, 4, 0}, 0.7);
  test::expect_gradients([&](const auto& in) { return attention(in[0], in[1], in[2], shape); },
                         {at::randn({8, 4, 3}, at::kDouble), at::randn({8, 2, 3}, at::kDouble),
                          at::randn({8, 2, 3}, at::kDouble)});
}

TEST(Attention, RefusesBordersThatEndElsewhere) {
  const at::Tensor q = at::randn({8, 4, 16}), k = at::randn({8, 2, 16});
  EXPECT_THROW(attention(q, k, k, documents({3, 4}, 1.0)), core::ContractViolation);
  EXPECT_THROW(attention(q, at::randn({8, 3, 16}), at::randn({8, 3, 16}), documents({8}, 1.0)),
               core::ContractViolation);
}

TEST(Attention, SameBitsEveryTime) {
  const AttentionShape shape = documents({100, 157}, 0.125);
  const at::Tensor q = at::randn({257, 9, 64}), k = at::randn({257, 3, 64});
  const at::Tensor v = at::randn({257, 3, 64}), dout = at::randn({257, 9, 64});
  const AttentionOutput first = attention_forward(q, k, v, shape);
  const AttentionGradients grads = attention_backward(dout, q, k, v, first, shape);
  for (int repeat = 0; repeat < 5; ++repeat) {
    EXPECT_TRUE(at::equal(first.out, attention_forward(q, k, v, shape).out));
    const AttentionGradients again = attention_backward(dout, q, k, v, first, shape);
    EXPECT_TRUE(at::equal(grads.dq, again.dq) && at::equal(grads.dk, again.dk) &&
                at::equal(grads.dv, again.dv));
  }
}

// A prefix of 5 tokens with two continuations of 4 and 3: once with the prefix shared, once with a
// copy of it before each.
TEST(Attention, ASharedPrefixIsACopyBeforeEach) {
  AttentionShape shared = documents({9, 3, 2}, 0.3);
  shared.prefixes = {{0, 0}, {0, 5}, {0, 0}};
  const AttentionShape copied = documents({9, 8, 2}, 0.3);
  const auto copy_prefix = [](const at::Tensor& x) {
    return at::cat({x.narrow(0, 0, 9), x.narrow(0, 0, 5), x.narrow(0, 9, 5)});
  };
  const std::vector<at::Tensor> in = {at::randn({14, 4, 16}), at::randn({14, 2, 16}),
                                      at::randn({14, 2, 16})};
  at::Tensor dout = at::randn({14, 4, 16});
  const at::Tensor dcopied = copy_prefix(dout).index_fill_(0, at::arange(9, 14), 0);
  for (const Backend backend : {Backend::kFused, Backend::kReference}) {
    const BackendGuard guard(backend);
    const auto with_copy = [&](const auto& x) {
      return attention(copy_prefix(x[0]), copy_prefix(x[1]), copy_prefix(x[2]), copied);
    };
    const auto with_prefix = [&](const auto& x) { return attention(x[0], x[1], x[2], shared); };
    const at::Tensor expected = with_copy(in), actual = with_prefix(in);
    EXPECT_LT((actual.narrow(0, 0, 9) - expected.narrow(0, 0, 9)).abs().max().item<double>(), 1e-6);
    EXPECT_LT((actual.narrow(0, 9, 5) - expected.narrow(0, 14, 5)).abs().max().item<double>(),
              1e-6);
    const auto expected_gradients = test::analytic_gradients(with_copy, in, dcopied);
    const auto gradients = test::analytic_gradients(with_prefix, in, dout);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_LT((gradients[i] - expected_gradients[i]).abs().max().item<double>(), 1e-5) << i;
  }
}

TEST(Attention, PrefixGradientsMatchCentralDifferences) {
  AttentionShape shape = documents({4, 2}, 0.7);
  shape.prefixes = {{0, 0}, {0, 3}};
  test::expect_gradients([&](const auto& in) { return attention(in[0], in[1], in[2], shape); },
                         {at::randn({6, 4, 3}, at::kDouble), at::randn({6, 2, 3}, at::kDouble),
                          at::randn({6, 2, 3}, at::kDouble)});
}

class AttentionParity : public test::DeviceTest {
 protected:
  struct Heads {
    int64_t heads, kv_heads, dim;
  };

  // q, k, v as views of one fused tensor.
  std::vector<at::Tensor> fused(int64_t tokens, const Heads& h) const {
    const at::Tensor qkv = normal({tokens, h.heads + 2 * h.kv_heads, h.dim});
    return {qkv.narrow(1, 0, h.heads), qkv.narrow(1, h.heads, h.kv_heads),
            qkv.narrow(1, h.heads + h.kv_heads, h.kv_heads)};
  }

  double relative(int64_t length) const {
    return test::tolerance(GetParam().type, static_cast<double>(length));
  }

  void compare(const std::vector<int>& lengths, const Heads& h) {
    const AttentionShape shape =
        documents(lengths, 1 / std::sqrt(static_cast<double>(h.dim)), options().device());
    int64_t tokens = 0;
    for (const int length : lengths) tokens += length;
    const std::vector<at::Tensor> in = fused(tokens, h);
    const at::Tensor dout = normal(in[0].sizes());
    const auto run = [&](Backend backend) {
      const BackendGuard guard(backend);
      const AttentionOutput forward = attention_forward(in[0], in[1], in[2], shape);
      const at::Tensor into = at::empty({tokens, h.heads + 2 * h.kv_heads, h.dim}, options());
      const AttentionGradients grads =
          attention_backward(dout, in[0], in[1], in[2], forward, shape, into);
      if (into.numel() > 0) {
        EXPECT_EQ(grads.dq.data_ptr(), into.data_ptr());
        EXPECT_TRUE(at::equal(grads.dv, into.narrow(1, h.heads + h.kv_heads, h.kv_heads)));
      }
      return std::vector<at::Tensor>{forward.out, grads.dq, grads.dk, grads.dv};
    };
    const auto expected = run(Backend::kReference), actual = run(Backend::kFused);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(near(actual[i], expected[i], relative(shape.max_seqlen * h.dim)))
          << "result " << i;
    }
  }
};

TEST_P(AttentionParity, DocumentsOfOddLengths) {
  for (const Heads& heads : {Heads{9, 3, 64}, Heads{4, 4, 16}, Heads{2, 1, 128}}) {
    SCOPED_TRACE(std::to_string(heads.heads) + " heads of " + std::to_string(heads.dim));
    compare({1}, heads);
    compare({2, 17, 0, 1, 33, 0, 0}, heads);
    compare({256, 7}, heads);
  }
}

TEST_P(AttentionParity, HeadDimensionsThatFillNoVector) {
  for (const int64_t dim : {8, 24, 40, 100}) {
    if (GetParam().device == at::kCUDA && dim % 8 != 0) continue;
    compare({5, 40}, {4, 2, dim});
  }
}

TEST_P(AttentionParity, NoTokens) { compare({0, 0}, {2, 1, 16}); }

TEST_P(AttentionParity, PackedDocumentsAreEachDocumentAlone) {
  const std::vector<int> lengths = {17, 2, 64, 1};
  const AttentionShape shape = documents(lengths, 0.25, options().device());
  const std::vector<at::Tensor> in = fused(84, {6, 2, 16});
  const at::Tensor packed = attention(in[0], in[1], in[2], shape);
  int64_t begin = 0;
  for (const int length : lengths) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, begin, length); };
    EXPECT_TRUE(near(part(packed), full_attention(part(in[0]), part(in[1]), part(in[2])),
                     relative(length * 16)));
    begin += length;
  }
}

TEST_P(AttentionParity, AutogradAgreesWithTheReference) {
  const AttentionShape shape = documents({9, 12}, 0.2, options().device());
  const std::vector<at::Tensor> in = {normal({21, 4, 24}), normal({21, 2, 24}),
                                      normal({21, 2, 24})};
  const at::Tensor dout = normal({21, 4, 24});
  const auto gradients = [&](Backend backend) {
    const BackendGuard guard(backend);
    return test::analytic_gradients(
        [&](const auto& x) { return attention(x[0], x[1], x[2], shape); }, in, dout);
  };
  const auto expected = gradients(Backend::kReference), actual = gradients(Backend::kFused);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(near(actual[i], expected[i], relative(12 * 24)));
}

TEST_P(AttentionParity, CachedIsFull) {
  for (const int64_t tokens : {1, 2, 33, 300}) {
    const std::vector<at::Tensor> in = fused(tokens, {9, 3, 64});
    const at::Tensor expected = full_attention(in[0], in[1], in[2]);
    for (const int64_t last : {int64_t{1}, (tokens + 1) / 2, tokens}) {
      const at::Tensor actual =
          attention_cached(in[0].narrow(0, tokens - last, last), in[1], in[2], 0.125);
      EXPECT_TRUE(near(actual, expected.narrow(0, tokens - last, last), relative(tokens * 64)))
          << last << " of " << tokens;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, AttentionParity, test::kDeviceCases, test::name_of);

}  // namespace
}  // namespace llm::kernels
