// Oracle: a dense model with the same tables; PEFT's distributions and rules for tied heads.
#include "llm/nn/lora.h"

#include <torch/csrc/autograd/autograd.h>

#include <gtest/gtest.h>

#include <cmath>

#include "llm/core/error.h"
#include "support/adapter_runs.h"

namespace llm::nn {
namespace {

using arch::Architecture;
using test::difference;
using test::hidden_of;
using test::make_tiny_adapter;
using test::stream_of;
using test::TinyAdapter;
using test::TinyAdapterOptions;
using test::TrainedPass;
using test::two_documents;
using test::upstream_of;

TEST(LoraModel, SavedModulesReplaceTheBaseAndAreTrained) {
  for (const bool tied : {true, false}) {
    const auto config = test::tiny_config(Architecture::kLlama, tied);
    TinyAdapter tiny = make_tiny_adapter(config, {.keys = R"("target_modules": ["v_proj"], "r": 2,
                            "modules_to_save": ["embed_tokens", "lm_head", "norm", "down_proj"])",
                                                  .rows = 103});
    auto grown = config;
    grown.vocab_size = 103;
    grown.tie_word_embeddings = false;
    auto dense = test::make_tiny_model(grown);
    const at::NoGradGuard no_grad;
    for (const auto& range : tiny.base->parameters()) {
      if (range.spec.shape[0] != config.vocab_size)
        dense.store->weight(range.spec.name).copy_(tiny.base->weight(range.spec.name));
    }
    for (const auto& spec : tiny.layout.saved)
      dense.store->weight(spec.name).copy_(tiny.adapter->weight(spec.name));
    test::merge_into(tiny, *dense.store);
    const at::AutoGradMode grad(true);
    const ModelInput input = stream_of({test::random_ids(9, 103, 1), {102, 97, 0}});
    const at::Tensor expected = dense.model->forward(input);
    torch::autograd::backward({expected}, {upstream_of(expected)});
    const TrainedPass got = test::train_once(tiny, input);
    EXPECT_LT(difference(got.hidden, expected.detach()), 1e-5);
    for (const auto& spec : tiny.layout.saved) {
      if (spec.name == "lm_head.weight") continue;  // the objective's
      EXPECT_LT(difference(tiny.adapter->grad(spec.name), dense.store->grad(spec.name)), 1e-5)
          << spec.name;
    }
    EXPECT_TRUE(tiny.model->head_weight().is_same(tiny.adapter->leaf("lm_head.weight")));
    EXPECT_EQ(tiny.model->config().vocab_size, 103);
    EXPECT_FALSE(tiny.model->config().tie_word_embeddings);
    EXPECT_THROW(tiny.model->set_adapters_enabled(false), core::ConfigError);
  }
}

// As PEFT ties: a saved embedding alone leaves the head to the base, unless asked or grown.
TEST(LoraModel, ATiedHeadFollowsASavedEmbeddingWhereItMust) {
  const auto config = test::tiny_config();
  TinyAdapterOptions options{
      .keys = R"("target_modules": ["v_proj"], "modules_to_save": ["embed_tokens"])"};
  const auto head_is_saved = [&] {
    const TinyAdapter tiny = make_tiny_adapter(config, options);
    const bool saved =
        tiny.model->head_weight().is_same(tiny.adapter->leaf("model.embed_tokens.weight"));
    EXPECT_EQ(tiny.model->config().tie_word_embeddings, saved);
    return saved;
  };
  EXPECT_FALSE(head_is_saved());
  options.ensure_weight_tying = true;
  EXPECT_TRUE(head_is_saved());
  options.ensure_weight_tying = false;
  options.rows = 101;
  EXPECT_TRUE(head_is_saved());
}

TEST(LoraModel, WithoutItsAdapterItIsTheBase) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(
      config, {.keys = R"("target_modules": "all-linear", "modules_to_save": ["norm"])"});
  CausalLM base(config, *tiny.base);
  const ModelInput input = stream_of(two_documents(config));
  const at::Tensor adapted = hidden_of(*tiny.model, input);
  tiny.model->set_adapters_enabled(false);
  EXPECT_TRUE(at::equal(hidden_of(*tiny.model, input), hidden_of(base, input)));
  EXPECT_FALSE(tiny.model->forward(input).requires_grad());
  tiny.model->set_adapters_enabled(true);
  tiny.model->set_adapters_enabled(true);
  EXPECT_TRUE(at::equal(hidden_of(*tiny.model, input), adapted));
}

TEST(LoraModel, RefusesWhatItCannotTrain) {
  const auto untied = test::tiny_config(Architecture::kLlama, false);
  const auto refuses = [](const arch::ModelConfig& config, const TinyAdapterOptions& options) {
    EXPECT_THROW(make_tiny_adapter(config, options), core::ConfigError) << options.keys;
  };
  refuses(untied, {.keys = R"("target_modules": ["lm_head", "v_proj"])"});
  refuses(test::tiny_config(), {.keys = R"("target_modules": ["lm_head"])"});
  refuses(untied, {.keys = R"("target_modules": ["v_proj"], "modules_to_save": ["q_proj"])"});
  refuses(untied, {.keys = R"("target_modules": ["v_proj"], "modules_to_save": ["embed_tokens"])",
                   .rows = 103});
}

TEST(LoraInitialisation, BeginsAsTheBaseWithPeftsDistributions) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config);
  CausalLM base(config, *tiny.base);
  const ModelInput input = stream_of(two_documents(config));
  for (const LoraInit init : {LoraInit::kKaimingUniform, LoraInit::kGaussian}) {
    initialize_lora(*tiny.adapter, tiny.layout, 5, init);
    EXPECT_LT(difference(hidden_of(*tiny.model, input), hidden_of(base, input)), 1e-6);
    const at::Tensor down = tiny.adapter->weight("model.layers.0.mlp.down_proj.lora_A.weight");
    const double std = init == LoraInit::kGaussian ? 1.0 / 3 : 1 / std::sqrt(3.0 * 80);
    EXPECT_NEAR(down.std().item<double>(), std, 5 * std / std::sqrt(2.0 * 240));
    if (init == LoraInit::kKaimingUniform) {
      EXPECT_LT(down.abs().max().item<double>(), 1 / std::sqrt(80.0));
    }
  }
}

TEST(LoraInitialisation, IsAPureFunctionOfSeedAndName) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config), other = make_tiny_adapter(config);
  initialize_lora(*tiny.adapter, tiny.layout, 5);
  initialize_lora(*other.adapter, other.layout, 5);
  EXPECT_TRUE(at::equal(tiny.adapter->flat_weights(), other.adapter->flat_weights()));
  const std::string q = "self_attn.q_proj.lora_A.weight";
  EXPECT_FALSE(at::equal(tiny.adapter->weight("model.layers.0." + q),
                         tiny.adapter->weight("model.layers.1." + q)));
  const at::Tensor before = other.adapter->weight("model.layers.0." + q).clone();
  initialize_lora(*other.adapter, other.layout, 6);
  EXPECT_FALSE(at::equal(other.adapter->weight("model.layers.0." + q), before));
}

TEST(LoraInitialisation, SavedParametersBeginAsTheBases) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config, {.keys = R"("target_modules": ["v_proj"],
                          "modules_to_save": ["embed_tokens", "lm_head", "norm"])",
                                                .rows = 100});
  copy_saved_parameters(*tiny.base, tiny.layout, *tiny.adapter);
  const at::Tensor table = tiny.base->weight("model.embed_tokens.weight");  // [V, D]
  for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"}) {
    const at::Tensor saved = tiny.adapter->weight(name);
    EXPECT_TRUE(at::equal(saved.narrow(0, 0, 97), table));
    EXPECT_TRUE(at::allclose(saved.narrow(0, 97, 3), table.mean(0).expand({3, -1})));
  }
  EXPECT_TRUE(
      at::equal(tiny.adapter->weight("model.norm.weight"), tiny.base->weight("model.norm.weight")));
}

TEST(LoraInitialisation, ReadsWhatPeftCallsIt) {
  arch::LoraConfig config;
  EXPECT_EQ(lora_init(config), LoraInit::kKaimingUniform);
  config.init_lora_weights = false;
  EXPECT_EQ(lora_init(config), LoraInit::kRandom);
  config.init_lora_weights = "gaussian";
  EXPECT_EQ(lora_init(config), LoraInit::kGaussian);
  config.init_lora_weights = "eva";
  EXPECT_THROW(lora_init(config), core::ConfigError);
}

TEST(LoraParameters, AreNamedAsPeftNamesThemInTheOrderOfTheModel) {
  TinyAdapterOptions options{
      .keys = R"("target_modules": ["q_proj"], "layers_to_transform": [1], "r": 4,
                 "modules_to_save": ["embed_tokens"])"};
  const auto specs = lora_parameter_specs(test::tiny_layout(test::tiny_config(), options));
  ASSERT_EQ(specs.size(), 3u);
  EXPECT_EQ(specs[0].name, "model.embed_tokens.weight");
  EXPECT_EQ(specs[1].name, "model.layers.1.self_attn.q_proj.lora_A.weight");
  EXPECT_EQ(specs[1].shape, (std::vector<int64_t>{4, 32}));
  EXPECT_EQ(specs[2].name, "model.layers.1.self_attn.q_proj.lora_B.weight");
  EXPECT_EQ(specs[2].shape, (std::vector<int64_t>{32, 4}));
}

}  // namespace
}  // namespace llm::nn
