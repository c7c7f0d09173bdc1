// Oracle: AdamW written out in fp64 for each parameter alone, with decay on matrices only.
#include "llm/optim/adamw.h"

#include <ATen/core/grad_mode.h>

#include <gtest/gtest.h>

#include <map>

#include "llm/tensor/parameter_store.h"
#include "support/tiny_config.h"

namespace llm::optim {
namespace {

std::unique_ptr<tensor::ParameterStore> make_store(const arch::ModelConfig& config) {
  auto store = std::make_unique<tensor::ParameterStore>(arch::parameter_specs(config),
                                                        tensor::StoreOptions{});
  const at::NoGradGuard no_grad;
  for (const auto& range : store->parameters()) {
    at::Tensor weight = store->weight(range.spec.name);
    weight.copy_(at::cos(at::arange(weight.numel(), at::kFloat)).view_as(weight));
  }
  store->allocate_gradients();
  store->allocate_moments();
  return store;
}

struct Reference {
  at::Tensor weight, m, v;
};

void step_reference(Reference& r, const at::Tensor& grad, const OptimConfig& config, double decay,
                    double lr, int64_t step) {
  r.weight = r.weight * (1 - lr * decay);
  r.m = config.beta1 * r.m + (1 - config.beta1) * grad;
  r.v = config.beta2 * r.v + (1 - config.beta2) * grad * grad;
  const double c1 = 1 - std::pow(config.beta1, step), c2 = 1 - std::pow(config.beta2, step);
  r.weight = r.weight - lr / c1 * r.m / ((r.v / c2).sqrt() + config.eps);
}

TEST(AdamW, EqualsTheFormulaOfEachParameter) {
  const at::NoGradGuard no_grad;
  auto store = make_store(test::tiny_config(arch::Architecture::kQwen2));
  OptimConfig config;
  config.weight_decay = 0.3;
  AdamW optimizer(*store, config);
  std::map<std::string, Reference> references;
  for (const auto& range : store->parameters()) {
    const at::Tensor weight = store->weight(range.spec.name).to(at::kDouble);
    references[range.spec.name] = {weight, at::zeros_like(weight), at::zeros_like(weight)};
  }
  for (int64_t step = 1; step <= 20; ++step) {
    const double lr = 1e-2 / static_cast<double>(step);
    for (const auto& range : store->parameters()) {
      at::Tensor grad = store->grad(range.spec.name);
      grad.copy_(
          at::sin(at::arange(grad.numel(), at::kFloat) * static_cast<double>(step)).view_as(grad));
      const bool decays = range.spec.kind != arch::ParameterKind::kNorm &&
                          range.spec.kind != arch::ParameterKind::kBias;
      step_reference(references[range.spec.name], grad.to(at::kDouble) * 0.5, config,
                     decays ? config.weight_decay : 0, lr, step);
    }
    optimizer.step(step, lr, 0.5);
  }
  for (const auto& range : store->parameters()) {
    const at::Tensor difference =
        store->weight(range.spec.name).to(at::kDouble) - references[range.spec.name].weight;
    EXPECT_LT(difference.abs().max().item<double>(), 2e-6) << range.spec.name;
  }
}

TEST(AdamW, GradNormIsThatOfAllParametersTogether) {
  const at::NoGradGuard no_grad;
  auto store = make_store(test::tiny_config());
  const AdamW optimizer(*store, {});
  double squares = 0;
  for (const auto& range : store->parameters()) {
    at::Tensor grad = store->grad(range.spec.name);
    grad.fill_(0.25);
    squares += 0.0625 * static_cast<double>(grad.numel());
  }
  EXPECT_NEAR(optimizer.squared_grad_norm().item<double>(), squares, 1e-9 * squares);
}

TEST(AdamW, ClipScaleNeverRaisesGradients) {
  auto store = make_store(test::tiny_config());
  OptimConfig config;
  config.clip_norm = 1;
  EXPECT_DOUBLE_EQ(AdamW(*store, config).clip_scale(0.5), 1);
  EXPECT_NEAR(AdamW(*store, config).clip_scale(4), 0.25, 1e-6);
  config.clip_norm = 0;
  EXPECT_DOUBLE_EQ(AdamW(*store, config).clip_scale(400), 1);
}

TEST(UpdateRanges, CoverEveryParameterOnceWithItsOwnDecay) {
  auto store = make_store(test::tiny_config(arch::Architecture::kQwen3, false));
  const auto ranges = update_ranges(*store);
  for (const auto& parameter : store->parameters()) {
    int covering = 0;
    for (const auto& range : ranges) {
      const bool inside = parameter.offset >= range.offset &&
                          parameter.offset + parameter.numel <= range.offset + range.numel;
      covering += inside;
      if (inside) {
        EXPECT_EQ(range.decay, parameter.spec.kind != arch::ParameterKind::kNorm)
            << parameter.spec.name;
      }
    }
    EXPECT_EQ(covering, 1) << parameter.spec.name;
  }
}

}  // namespace
}  // namespace llm::optim
