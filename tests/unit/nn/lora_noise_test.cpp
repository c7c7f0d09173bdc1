// Oracle: each document computed alone; the whole block kept instead of computed again.
#include "llm/nn/lora.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/embedding.h"
#include "support/adapter_runs.h"

namespace llm::nn {
namespace {

using test::difference;
using test::hidden_of;
using test::make_tiny_adapter;
using test::stream_of;
using test::TinyAdapter;
using test::TrainedPass;
using test::two_documents;

TEST(LoraModel, RecomputingWholeBlocksMeetsTheSameMasks) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config, {.dropout = 0.3});
  const ModelInput input = stream_of(two_documents(config), 77);
  const TrainedPass selective = test::train_once(tiny, input);
  tiny.model->set_recompute(RecomputePolicy::kBlock);
  EXPECT_TRUE(at::equal(test::train_once(tiny, input).flat, selective.flat));
}

TEST(LoraModel, PackedDocumentsEqualEachAloneUnderNoise) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config, {.dropout = 0.3});
  const auto documents = two_documents(config);
  std::vector<at::Tensor> hidden;
  for (size_t i = 0; i < documents.size(); ++i) {
    ModelInput alone = stream_of({documents[i]}, 77, static_cast<int64_t>(i));
    alone.neftune_alpha = 5;
    hidden.push_back(hidden_of(*tiny.model, alone));
  }
  ModelInput packed = stream_of(documents, 77);
  packed.neftune_alpha = 5;
  EXPECT_LT(difference(hidden_of(*tiny.model, packed), at::cat(hidden)), 1e-5);
  EXPECT_GT(difference(hidden_of(*tiny.model, stream_of(documents)), at::cat(hidden)), 0.01);
}

TEST(LoraModel, NoiseFollowsTheKeyAndNoKeyIsNoNoise) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config, {.dropout = 0.3});
  TinyAdapter without = make_tiny_adapter(config);
  const auto documents = two_documents(config);
  const at::Tensor first = hidden_of(*tiny.model, stream_of(documents, 77));
  EXPECT_TRUE(at::equal(first, hidden_of(*tiny.model, stream_of(documents, 77))));
  EXPECT_FALSE(at::equal(first, hidden_of(*tiny.model, stream_of(documents, 78))));
  ModelInput evaluated = stream_of(documents);
  evaluated.neftune_alpha = 5;
  EXPECT_TRUE(at::equal(hidden_of(*tiny.model, evaluated),
                        hidden_of(*without.model, stream_of(documents))));
}

TEST(Neftune, IsUniformWithTheDocumentsScale) {
  ModelInput input = stream_of({std::vector<int32_t>(40, 1), std::vector<int32_t>(160, 1)}, 7);
  input.neftune_alpha = 5;
  const at::Tensor x = at::zeros({200, 256});
  add_neftune_(x, input);
  const std::pair<int64_t, int64_t> documents[] = {{0, 40}, {40, 160}};
  for (const auto& [first, length] : documents) {
    const at::Tensor part = x.narrow(0, first, length);
    const double bound = 5 / std::sqrt(static_cast<double>(length) * 256);
    EXPECT_LE(part.abs().max().item<double>(), bound);
    EXPECT_NEAR(part.square().mean().item<double>(), bound * bound / 3, 0.02 * bound * bound);
  }
}

}  // namespace
}  // namespace llm::nn
