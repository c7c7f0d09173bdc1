// Oracle: the gradients when the backward pass is over. What a bucket holds when the model says
// that its layer is done must be that already, or ranks would add up halves.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <set>

#include "llm/data/batch.h"
#include "llm/objectives/nll.h"
#include "llm/optim/gradient_buckets.h"
#include "support/tiny_adapter.h"

namespace llm::train {
namespace {

data::Batch one_document(int64_t vocab_size) {
  const auto ids = test::random_ids(21, vocab_size, 5);
  data::Row row;
  row.ids = {ids.begin(), ids.end() - 1};
  row.targets = {ids.begin() + 1, ids.end()};
  row.document_lengths = {20};
  row.document_ids = {1};
  return data::collate({row}, 1);
}

void expect_ready(nn::CausalLM& model, tensor::ParameterStore& trained, int64_t bucket_bytes) {
  const auto buckets = optim::gradient_buckets(trained, bucket_bytes);
  const auto gradient = [&](const optim::GradientBucket& bucket) {
    return trained.flat_gradients().narrow(0, bucket.offset, bucket.numel);
  };
  std::vector<at::Tensor> when_done(buckets.size());
  std::vector<int64_t> layers;
  model.set_backward_observer({.layer_done = [&](int64_t layer) {
    layers.push_back(layer);
    for (size_t i = 0; i < buckets.size(); ++i) {
      if (buckets[i].layer == layer) when_done[i] = gradient(buckets[i]).clone();
    }
  }});
  objectives::NllObjective objective;
  const data::Batch batch = one_document(model.config().vocab_size);
  const auto result = objective.compute(model, batch, std::vector<double>{1.0 / 20});
  torch::autograd::backward({result.root}, {result.root_gradient});
  model.set_backward_observer({});

  ASSERT_EQ(static_cast<int64_t>(layers.size()), model.config().num_hidden_layers);
  EXPECT_TRUE(std::is_sorted(layers.rbegin(), layers.rend()));
  int64_t checked = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (!when_done[i].defined()) continue;
    EXPECT_TRUE(at::equal(when_done[i], gradient(buckets[i]))) << "bucket " << i;
    EXPECT_GT(when_done[i].abs().max().item<float>(), 0) << "bucket " << i;
    ++checked;
  }
  EXPECT_GT(checked, 1);
}

TEST(GradientReadiness, OfWholeModels) {
  for (const bool tied : {true, false}) {
    for (const auto policy : {nn::RecomputePolicy::kSelective, nn::RecomputePolicy::kBlock}) {
      auto config = test::tiny_config();
      config.tie_word_embeddings = tied;
      const auto tiny = test::make_tiny_model(config);
      tiny.model->set_recompute(policy);
      expect_ready(*tiny.model, *tiny.store, 1);
      tiny.store->zero_gradients();
      expect_ready(*tiny.model, *tiny.store, 4000);
    }
  }
}

TEST(GradientReadiness, OfAdaptersWithSavedModules) {
  const auto tiny = test::make_tiny_adapter(
      test::tiny_config(), {.keys = R"("target_modules": "all-linear", "r": 3, "lora_alpha": 4,
                  "modules_to_save": ["embed_tokens", "norm"])"});
  tiny.adapter->allocate_gradients();
  expect_ready(*tiny.model, *tiny.adapter, 1);
}

}  // namespace
}  // namespace llm::train
