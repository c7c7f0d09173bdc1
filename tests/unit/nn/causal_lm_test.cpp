// Oracle: the composed reference model under plain autograd; each document computed alone; a full
// forward for the cache.
#include "llm/nn/causal_lm.h"

#include <torch/csrc/autograd/autograd.h>

#include <ATen/core/grad_mode.h>

#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/kernels/backend.h"
#include "support/tiny_model.h"

namespace llm::nn {
namespace {

using test::make_tiny_model;
using test::random_ids;
using test::tiny_config;

constexpr double kTolerance = 2e-5;

// Two documents in one stream, with the empty tail of a fixed capacity.
ModelInput packed(const std::vector<int32_t>& first, const std::vector<int32_t>& second) {
  std::vector<int32_t> ids = first;
  ids.insert(ids.end(), second.begin(), second.end());
  std::vector<int32_t> positions;
  for (const auto* part : {&first, &second}) {
    for (size_t i = 0; i < part->size(); ++i) positions.push_back(static_cast<int32_t>(i));
  }
  const auto border = static_cast<int32_t>(first.size());
  const auto total = static_cast<int32_t>(ids.size());
  return {at::tensor(ids, at::kInt),
          at::tensor(positions, at::kInt),
          at::tensor({0, border, total, total, total}, at::kInt),
          static_cast<int64_t>(std::max(first.size(), second.size())),
          {border, total - border}};
}

struct Gradients {
  at::Tensor hidden;
  at::Tensor flat;
};

Gradients gradients_of(const arch::ModelConfig& config, const ModelInput& input,
                       kernels::Backend backend, RecomputePolicy policy) {
  const kernels::BackendGuard guard(backend);
  auto tiny = make_tiny_model(config);
  tiny.model->set_recompute(policy);
  const at::Tensor hidden = tiny.model->forward(input);
  const at::Tensor upstream = at::linspace(-1, 1, hidden.numel()).view_as(hidden).contiguous();
  torch::autograd::backward({hidden}, {upstream});
  return {hidden.detach().clone(), tiny.store->flat_gradients().clone()};
}

double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

class CausalLmOf : public testing::TestWithParam<arch::Architecture> {};

TEST_P(CausalLmOf, FusedBlocksEqualTheComposedReference) {
  const auto config = tiny_config(GetParam());
  const auto input =
      packed(random_ids(9, config.vocab_size, 1), random_ids(5, config.vocab_size, 2));
  const auto expected =
      gradients_of(config, input, kernels::Backend::kReference, RecomputePolicy::kSelective);
  const auto fused =
      gradients_of(config, input, kernels::Backend::kFused, RecomputePolicy::kSelective);
  EXPECT_LT(relative_difference(fused.hidden, expected.hidden), kTolerance);
  EXPECT_LT(relative_difference(fused.flat, expected.flat), kTolerance);
}

TEST_P(CausalLmOf, RecomputingWholeBlocksChangesNoBit) {
  const auto config = tiny_config(GetParam());
  const auto input =
      packed(random_ids(9, config.vocab_size, 1), random_ids(5, config.vocab_size, 2));
  const auto selective =
      gradients_of(config, input, kernels::Backend::kFused, RecomputePolicy::kSelective);
  const auto whole = gradients_of(config, input, kernels::Backend::kFused, RecomputePolicy::kBlock);
  EXPECT_TRUE(at::equal(selective.flat, whole.flat));
}

TEST_P(CausalLmOf, PackedDocumentsEqualEachAlone) {
  const at::NoGradGuard no_grad;
  const auto config = tiny_config(GetParam());
  auto tiny = make_tiny_model(config);
  const auto first = random_ids(9, config.vocab_size, 1),
             second = random_ids(5, config.vocab_size, 2);
  const at::Tensor together = tiny.model->forward(packed(first, second));
  const at::Tensor alone = at::cat({tiny.model->forward(single_document(first, at::kCPU)),
                                    tiny.model->forward(single_document(second, at::kCPU))});
  EXPECT_LT(relative_difference(together, alone), kTolerance);
}

TEST_P(CausalLmOf, CachedStepsEqualAFullForward) {
  const at::NoGradGuard no_grad;
  auto config = tiny_config(GetParam());
  auto tiny = make_tiny_model(config);
  const auto ids = random_ids(17, config.vocab_size, 3);
  const at::Tensor full = tiny.model->forward(single_document(ids, at::kCPU));  // [T, D]
  KvCache cache(config, 32, at::kFloat);
  const std::vector<int32_t> prompt(ids.begin(), ids.begin() + 6);
  std::vector<at::Tensor> parts{tiny.model->forward_cached(prompt, cache)};
  for (size_t i = 6; i < ids.size(); ++i)
    parts.push_back(tiny.model->forward_cached({ids[i]}, cache));
  EXPECT_LT(relative_difference(at::cat(parts), full), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Architectures, CausalLmOf,
                         testing::Values(arch::Architecture::kLlama, arch::Architecture::kQwen2,
                                         arch::Architecture::kQwen3),
                         [](const auto& instance) {
                           return std::string(arch::model_type_name(instance.param));
                         });

TEST(CausalLm, DynamicNtkCacheEqualsAFullForwardOnBothSidesOfTheTrainedLength) {
  const at::NoGradGuard no_grad;
  auto config = tiny_config();
  config.max_position_embeddings = 8;
  config.rope.type = arch::RopeType::kDynamic;
  config.rope.factor = 2;
  auto tiny = make_tiny_model(config);
  const auto ids = random_ids(13, config.vocab_size, 3);
  KvCache cache(config, 16, at::kFloat);
  for (size_t i = 0; i < ids.size(); ++i) {
    const at::Tensor stepped = tiny.model->forward_cached({ids[i]}, cache);
    const std::vector<int32_t> prefix(ids.begin(), ids.begin() + static_cast<int64_t>(i) + 1);
    const at::Tensor full = tiny.model->forward(single_document(prefix, at::kCPU));
    EXPECT_LT(relative_difference(stepped, full.narrow(0, full.size(0) - 1, 1)), kTolerance)
        << "token " << i;
  }
}

TEST(CausalLm, AnIdOutsideTheVocabularyIsADataError) {
  const auto config = tiny_config();
  auto tiny = make_tiny_model(config);
  KvCache cache(config, 4, at::kFloat);
  EXPECT_THROW(tiny.model->forward_cached({97}, cache), core::DataError);
}

}  // namespace
}  // namespace llm::nn
