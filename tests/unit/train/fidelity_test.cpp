// Oracle: transformers in fp32 (scripts/goldens/make_models.py): logits, every gradient, cached
// continuations, 50 AdamW steps.
#include <ATen/core/grad_mode.h>

#include <torch/csrc/autograd/autograd.h>

#include <gtest/gtest.h>

#include "llm/convert/model_directory.h"
#include "llm/data/batch.h"
#include "llm/kernels/backend.h"
#include "llm/objectives/nll.h"
#include "llm/optim/adamw.h"
#include "support/model_golden.h"

namespace llm::train {
namespace {

constexpr double kLogitsLimit = 1e-4;    // max abs
constexpr double kGradientLimit = 1e-4;  // relative; absolute where the gradient is tiny
constexpr double kTinyGradient = 1e-6;
constexpr double kLossLimit = 1e-4;  // relative

std::vector<int32_t> ids_of(const std::vector<int64_t>& wide) { return {wide.begin(), wide.end()}; }

data::Row row_of(const std::vector<int64_t>& ids, const std::vector<int64_t>& targets) {
  return {ids_of(ids), targets, {static_cast<int32_t>(ids.size())}, {0}};
}

at::Tensor tensor_of(const test::ModelGolden& golden, const std::string& name) {
  return at::tensor(golden.floats(name), at::kFloat).view(golden.shape(name));
}

double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

class Fidelity : public testing::TestWithParam<std::tuple<std::string, kernels::Backend>> {
 protected:
  Fidelity() : golden_(std::get<0>(GetParam())), guard_(std::get<1>(GetParam())) {
    loaded_ =
        convert::load_model(golden_.directory(), {.trainable = true, .need_tokenizer = false});
    loaded_.store->allocate_gradients();
    loaded_.store->allocate_moments();
  }

  double step_loss(const data::Batch& batch) {
    const double weight = objective_.weights(batch).front();
    const std::vector<double> scales{1 / weight};
    const auto result = objective_.compute(*loaded_.model, batch, scales);
    torch::autograd::backward({result.root}, {result.root_gradient});
    return result.term_sums.front().item<double>() / weight;
  }

  test::ModelGolden golden_;
  kernels::BackendGuard guard_;
  convert::LoadedModel loaded_;
  objectives::NllObjective objective_;
};

TEST_P(Fidelity, Logits) {
  const at::NoGradGuard no_grad;
  for (const std::string document : {"short", "long"}) {
    const auto input = nn::single_document(ids_of(golden_.ids(document + ".ids")), at::kCPU);
    const at::Tensor logits = loaded_.model->logits(loaded_.model->forward(input));  // [T, V]
    EXPECT_LE(max_difference(logits, tensor_of(golden_, document + ".logits")), kLogitsLimit)
        << document;
  }
}

TEST_P(Fidelity, LossAndEveryGradientOfPackedDocuments) {
  const data::Batch batch =
      data::collate({row_of(golden_.ids("short.ids"), golden_.ids("short.targets")),
                     row_of(golden_.ids("long.ids"), golden_.ids("long.targets"))},
                    5);
  EXPECT_NEAR(step_loss(batch), golden_.floats("loss").front(), 1e-5);
  for (const auto& range : loaded_.store->parameters()) {
    const at::Tensor expected = tensor_of(golden_, "gradient." + range.spec.name);
    const double norm = expected.norm().item<double>();
    const double difference =
        (loaded_.store->grad(range.spec.name) - expected).norm().item<double>();
    EXPECT_LE(norm < kTinyGradient ? difference : difference / norm,
              norm < kTinyGradient ? kTinyGradient : kGradientLimit)
        << range.spec.name;
  }
}

TEST_P(Fidelity, CachedContinuation) {
  const auto ids = ids_of(golden_.ids("continuation.ids"));
  const at::Tensor expected = tensor_of(golden_, "continuation.logits");  // [12, V]
  const auto prompt_length = static_cast<int64_t>(ids.size()) - expected.size(0);
  nn::KvCache cache(golden_.config(), 64, at::kFloat);
  loaded_.model->forward_cached({ids.begin(), ids.begin() + prompt_length}, cache);
  for (int64_t i = 0; i < expected.size(0); ++i) {
    const at::Tensor hidden =
        loaded_.model->forward_cached({ids[static_cast<size_t>(prompt_length + i)]}, cache);
    EXPECT_LE(max_difference(loaded_.model->logits(hidden)[0], expected[i]), kLogitsLimit)
        << "token " << i;
  }
}

TEST_P(Fidelity, FiftyAdamWSteps) {
  optim::OptimConfig config;
  config.weight_decay = 0.1;
  optim::AdamW optimizer(*loaded_.store, config);
  const auto shape = golden_.shape("train.ids");  // [4, 2, 25]
  const auto all = golden_.ids("train.ids");
  const auto expected = golden_.floats("train.losses");
  const auto row_at = [&](int64_t group, int64_t row) {
    const auto begin = all.begin() + (group * shape[1] + row) * shape[2];
    return row_of({begin, begin + shape[2] - 1}, {begin + 1, begin + shape[2]});
  };
  for (int64_t step = 0; step < 50; ++step) {
    const int64_t group = step % shape[0];
    const data::Batch batch = data::collate({row_at(group, 0), row_at(group, 1)}, 2);
    const double loss = step_loss(batch);
    const double wanted = expected[static_cast<size_t>(step)];
    ASSERT_LE(std::fabs(loss - wanted) / wanted, kLossLimit) << "step " << step;
    optimizer.step(step + 1, 1e-3, 1.0);
    loaded_.store->zero_gradients();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Goldens, Fidelity,
    testing::Combine(testing::ValuesIn(test::model_golden_names()),
                     testing::Values(kernels::Backend::kReference, kernels::Backend::kFused)),
    [](const auto& instance) {
      const bool reference = std::get<1>(instance.param) == kernels::Backend::kReference;
      return std::get<0>(instance.param) + (reference ? "_reference" : "_fused");
    });

}  // namespace
}  // namespace llm::train
