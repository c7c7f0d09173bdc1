// Oracle: CausalLM::forward on the same documents, one by one.
#include "llm/nn/layerwise_lm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"

namespace llm::nn {
namespace {

using Documents = std::vector<std::vector<int32_t>>;

at::Tensor expected_hidden(CausalLM& model, const std::vector<int32_t>& ids) {
  const at::NoGradGuard no_grad;
  return model.forward(single_document(ids, at::kCPU));  // [T, D]
}

void expect_equal_in_steps(const arch::ModelConfig& config) {
  const test::TinyModel tiny = test::make_tiny_model(config);
  LayerwiseLM layerwise(
      config,
      [&](const std::string& name, int64_t first, int64_t count) {
        return tiny.store->weight(name).narrow(0, first, count);
      },
      2, 40, at::kCPU);
  const Documents whole = {test::random_ids(13, config.vocab_size, 1),
                           test::random_ids(22, config.vocab_size, 2)};
  const Documents cuts[] = {
      {{whole[0].begin(), whole[0].begin() + 5}, {whole[1].begin(), whole[1].begin() + 20}},
      {{whole[0].begin() + 5, whole[0].end()}, {whole[1].begin() + 20, whole[1].end()}}};
  Documents seen(2);
  for (const Documents& cut : cuts) {
    const at::Tensor hidden = layerwise.forward(cut);  // [T, D]
    int64_t row = 0;
    for (size_t i = 0; i < cut.size(); ++i) {
      seen[i].insert(seen[i].end(), cut[i].begin(), cut[i].end());
      const auto length = static_cast<int64_t>(cut[i].size());
      const at::Tensor expected = expected_hidden(*tiny.model, seen[i]).slice(0, -length);
      EXPECT_LT(at::max(at::abs(hidden.narrow(0, row, length) - expected)).item<double>(), 1e-4);
      row += length;
    }
    const at::NoGradGuard no_grad;
    const int64_t half = config.vocab_size / 2;
    const at::Tensor logits = at::cat({layerwise.logits(hidden, 0, half),
                                       layerwise.logits(hidden, half, config.vocab_size - half)},
                                      1);  // [T, V]
    EXPECT_LT(at::max(at::abs(logits - tiny.model->logits(hidden))).item<double>(), 1e-5);
  }
}

TEST(LayerwiseLMTest, EqualsTheWholeModel) {
  for (const arch::Architecture architecture :
       {arch::Architecture::kLlama, arch::Architecture::kQwen2, arch::Architecture::kQwen3}) {
    for (const bool tied : {true, false})
      expect_equal_in_steps(test::tiny_config(architecture, tied));
  }
}

TEST(LayerwiseLMTest, EqualsTheWholeModelWhereFrequenciesGrowWithTheLength) {
  arch::ModelConfig config = test::tiny_config();
  config.max_position_embeddings = 16;
  config.rope.type = arch::RopeType::kDynamic;
  config.rope.factor = 2;
  expect_equal_in_steps(config);
}

TEST(LayerwiseLMTest, ReadsOneLayerAtATime) {
  const arch::ModelConfig config = test::tiny_config();
  const test::TinyModel tiny = test::make_tiny_model(config);
  std::vector<std::string> read;
  int64_t embedding_rows = 0;
  LayerwiseLM layerwise(
      config,
      [&](const std::string& name, int64_t first, int64_t count) {
        if (read.empty() || read.back() != name) read.push_back(name);
        if (name == "model.embed_tokens.weight") embedding_rows += count;
        return tiny.store->weight(name).narrow(0, first, count);
      },
      1, 8, at::kCPU);
  layerwise.forward({{1, 2, 3}});
  EXPECT_EQ(read.front(), "model.embed_tokens.weight");
  EXPECT_EQ(read.back(), "model.norm.weight");
  EXPECT_EQ(read.size(), arch::parameter_specs(config).size());  // each once
  EXPECT_EQ(embedding_rows, 3);
}

}  // namespace
}  // namespace llm::nn
