// Oracle: the dense model whose weights are W + scale * B A, and the chain rule through it; the
// composed reference under autograd; central differences.
#include "llm/nn/lora.h"

#include <torch/csrc/autograd/autograd.h>

#include <gtest/gtest.h>

#include <cmath>

#include "llm/core/error.h"
#include "llm/kernels/backend.h"
#include "support/adapter_runs.h"

namespace llm::nn {
namespace {

using arch::Architecture;
using test::difference;
using test::hidden_of;
using test::make_tiny_adapter;
using test::stream_of;
using test::TinyAdapter;
using test::TrainedPass;
using test::two_documents;
using test::upstream_of;

constexpr const char* kRslora =
    R"("target_modules": "all-linear", "r": 3, "lora_alpha": 2, "use_rslora": true,
       "rank_pattern": {"k_proj": 5}, "exclude_modules": ["model.layers.1.mlp.up_proj"])";

class LoraModelOf : public testing::TestWithParam<Architecture> {};

TEST_P(LoraModelOf, EqualsTheMergedModelAndItsChainRule) {
  const auto config = test::tiny_config(GetParam());
  TinyAdapter tiny = make_tiny_adapter(config, {.keys = kRslora});
  auto dense = test::make_tiny_model(config);
  test::merge_into(tiny, *dense.store);
  const ModelInput input = stream_of(two_documents(config));
  const at::Tensor expected = dense.model->forward(input);
  torch::autograd::backward({expected}, {upstream_of(expected)});
  const TrainedPass got = test::train_once(tiny, input);
  EXPECT_LT(difference(got.hidden, expected.detach()), 1e-5);
  for (const arch::LoraModule& module : tiny.layout.modules) {
    const std::string a = module.name + ".lora_A.weight", b = module.name + ".lora_B.weight";
    const at::Tensor dw = dense.store->grad(module.weight_name());  // [out, in]
    const at::Tensor da = module.scale * at::mm(tiny.adapter->weight(b).t(), dw);
    const at::Tensor db = module.scale * at::mm(dw, tiny.adapter->weight(a).t());
    EXPECT_LT(difference(tiny.adapter->grad(a), da), 1e-5) << a;
    EXPECT_LT(difference(tiny.adapter->grad(b), db), 1e-5) << b;
  }
}

TEST_P(LoraModelOf, CachedStepsEqualTheMergedModel) {
  const at::NoGradGuard no_grad;
  const auto config = test::tiny_config(GetParam());
  TinyAdapter tiny = make_tiny_adapter(config);
  auto dense = test::make_tiny_model(config);
  test::merge_into(tiny, *dense.store);
  const auto ids = test::random_ids(7, config.vocab_size, 3);
  KvCache cache(config, 8, tiny.model->compute_dtype());
  std::vector<at::Tensor> steps;
  for (const int32_t id : ids) steps.push_back(tiny.model->forward_cached({id}, cache));
  EXPECT_LT(difference(at::cat(steps), dense.model->forward(single_document(ids, at::kCPU))), 1e-5);
}

TEST_P(LoraModelOf, FusedBlocksEqualTheReferenceWithDropout) {
  const auto config = test::tiny_config(GetParam());
  TinyAdapter tiny = make_tiny_adapter(config, {.keys = kRslora, .dropout = 0.3});
  const ModelInput input = stream_of(two_documents(config), /*key=*/77);
  const TrainedPass expected = test::train_once(tiny, input, kernels::Backend::kReference);
  const TrainedPass fused = test::train_once(tiny, input);
  EXPECT_LT(difference(fused.hidden, expected.hidden), 2e-5);
  EXPECT_LT(difference(fused.flat, expected.flat), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Architectures, LoraModelOf,
                         testing::Values(Architecture::kLlama, Architecture::kQwen2,
                                         Architecture::kQwen3),
                         [](const auto& instance) {
                           return std::string(arch::model_type_name(instance.param));
                         });

TEST(LoraModel, TheBaseReceivesNothing) {
  const auto config = test::tiny_config(Architecture::kQwen3);
  TinyAdapter tiny = make_tiny_adapter(config);
  const at::Tensor before = tiny.base->flat_weights().clone();
  test::train_once(tiny, stream_of(two_documents(config)));
  EXPECT_TRUE(at::equal(tiny.base->flat_weights(), before));
  EXPECT_FALSE(tiny.base->flat_gradients().defined());
  for (const auto& leaf : tiny.base->leaves()) {
    EXPECT_FALSE(tiny.base->leaf(leaf.name).requires_grad());
    EXPECT_FALSE(tiny.base->leaf(leaf.name).grad().defined()) << leaf.name;
  }
  EXPECT_EQ(&tiny.model->trainable_store(), tiny.adapter.get());
  EXPECT_EQ(&tiny.model->store(), tiny.base.get());
}

TEST(LoraModel, AHalfBaseEqualsItsValuesInFp32) {
  for (const bool tied : {true, false}) {
    const auto config = test::tiny_config(Architecture::kQwen2, tied);
    for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
      TinyAdapter half = make_tiny_adapter(config, {.base_dtype = type});
      TinyAdapter wide = make_tiny_adapter(config);
      for (const auto& range : wide.base->parameters())
        wide.base->weight(range.spec.name).copy_(half.base->weight(range.spec.name));
      const ModelInput input = stream_of(two_documents(config));
      const TrainedPass expected = test::train_once(wide, input),
                        got = test::train_once(half, input);
      EXPECT_EQ(got.hidden.scalar_type(), at::kFloat);
      EXPECT_LT(difference(got.hidden, expected.hidden), 1e-6);
      EXPECT_LT(difference(got.flat, expected.flat), 1e-6);
      EXPECT_LT(difference(half.model->logits(got.hidden), wide.model->logits(expected.hidden)),
                1e-6);
    }
  }
}

TEST(LoraModel, GradientsMatchCentralDifferencesInFp64) {
  const auto config = test::tiny_config(Architecture::kQwen3);
  TinyAdapter tiny = make_tiny_adapter(
      config, {.keys = kRslora, .dropout = 0.2, .base_dtype = at::kDouble, .dtype = at::kDouble});
  const ModelInput input = stream_of(two_documents(config), 77);
  const TrainedPass analytic = test::train_once(tiny, input);
  const at::Tensor upstream = upstream_of(analytic.hidden);
  const auto value = [&] {
    return (hidden_of(*tiny.model, input) * upstream).sum().item<double>();
  };
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  core::PhiloxStream random(3);
  for (const auto& range : tiny.adapter->parameters()) {
    const auto element =
        static_cast<int64_t>(random.next_below(static_cast<uint64_t>(range.numel)));
    const at::Tensor cell = tiny.adapter->flat_weights()[range.offset + element];
    const double centre = cell.item<double>();
    cell.fill_(centre + kStep);
    const double above = value();
    cell.fill_(centre - kStep);
    const double below = value();
    cell.fill_(centre);
    const double numeric = (above - below) / (2 * kStep);
    EXPECT_NEAR(analytic.flat[range.offset + element].item<double>(), numeric,
                1e-6 * (1 + std::abs(numeric)))
        << range.spec.name << " " << element;
  }
}

}  // namespace
}  // namespace llm::nn
