// Oracle: the dense model whose weights are W + scale * B A, and the chain rule through it; the
// composed reference under autograd; central differences; each document computed alone.
#include "llm/nn/lora.h"

#include <torch/csrc/autograd/autograd.h>

#include <gtest/gtest.h>

#include <cmath>

#include "llm/core/error.h"
#include "llm/kernels/backend.h"
#include "nn/embedding.h"
#include "support/tiny_adapter.h"

namespace llm::nn {
namespace {

using arch::Architecture;
using test::make_tiny_adapter;
using test::TinyAdapter;
using test::TinyAdapterOptions;

constexpr const char* kRslora =
    R"("target_modules": "all-linear", "r": 3, "lora_alpha": 2, "use_rslora": true,
       "rank_pattern": {"k_proj": 5}, "exclude_modules": ["model.layers.1.mlp.up_proj"])";

// Documents in one stream; `first_sample` numbers them for the noise.
ModelInput stream_of(const std::vector<std::vector<int32_t>>& documents, uint64_t key = 0,
                     int64_t first_sample = 0) {
  std::vector<int32_t> ids, positions, borders{0};
  std::vector<int64_t> tokens;
  ModelInput input;
  for (size_t i = 0; i < documents.size(); ++i) {
    for (size_t p = 0; p < documents[i].size(); ++p) {
      ids.push_back(documents[i][p]);
      positions.push_back(static_cast<int32_t>(p));
      tokens.push_back((first_sample + static_cast<int64_t>(i)) * 1000 + static_cast<int64_t>(p));
    }
    const auto length = static_cast<int32_t>(documents[i].size());
    borders.push_back(borders.back() + length);
    input.document_lengths.push_back(length);
    input.max_seqlen = std::max<int64_t>(input.max_seqlen, length);
  }
  input.ids = at::tensor(ids, at::kInt);
  input.positions = at::tensor(positions, at::kInt);
  input.cu_seqlens = at::tensor(borders, at::kInt);
  input.noise = {key, at::tensor(tokens, at::kLong)};
  return input;
}

std::vector<std::vector<int32_t>> two_documents(const arch::ModelConfig& config) {
  return {test::random_ids(9, config.vocab_size, 1), test::random_ids(5, config.vocab_size, 2)};
}

at::Tensor upstream_of(const at::Tensor& hidden) {
  return at::linspace(-1, 1, hidden.numel(), hidden.options().requires_grad(false))
      .view_as(hidden)
      .contiguous();
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

at::Tensor hidden_of(CausalLM& model, const ModelInput& input) {
  const at::NoGradGuard no_grad;
  return model.forward(input);
}

struct TrainedPass {
  at::Tensor hidden, flat;
};

TrainedPass run(TinyAdapter& tiny, const ModelInput& input,
                kernels::Backend backend = kernels::Backend::kFused) {
  const kernels::BackendGuard guard(backend);
  tiny.adapter->zero_gradients();
  const at::Tensor hidden = tiny.model->forward(input);
  torch::autograd::backward({hidden}, {upstream_of(hidden)});
  return {hidden.detach().clone(), tiny.adapter->flat_gradients().clone()};
}

void merge(const TinyAdapter& tiny, tensor::ParameterStore& dense) {
  const at::NoGradGuard no_grad;
  for (const arch::LoraModule& module : tiny.layout.modules) {
    const at::Tensor a = tiny.adapter->weight(module.name + ".lora_A.weight");
    const at::Tensor b = tiny.adapter->weight(module.name + ".lora_B.weight");
    dense.weight(module.weight_name()).add_(at::mm(b, a), module.scale);
  }
}

class LoraModelOf : public testing::TestWithParam<Architecture> {};

TEST_P(LoraModelOf, EqualsTheMergedModelAndItsChainRule) {
  const auto config = test::tiny_config(GetParam());
  TinyAdapter tiny = make_tiny_adapter(config, {.keys = kRslora});
  auto dense = test::make_tiny_model(config);
  merge(tiny, *dense.store);
  const ModelInput input = stream_of(two_documents(config));
  const at::Tensor expected = dense.model->forward(input);
  torch::autograd::backward({expected}, {upstream_of(expected)});
  const TrainedPass got = run(tiny, input);
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
  merge(tiny, *dense.store);
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
  const TrainedPass expected = run(tiny, input, kernels::Backend::kReference);
  const TrainedPass fused = run(tiny, input);
  EXPECT_LT(difference(fused.hidden, expected.hidden), 2e-5);
  EXPECT_LT(difference(fused.flat, expected.flat), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Architectures, LoraModelOf,
                         testing::Values(Architecture::kLlama, Architecture::kQwen2,
                                         Architecture::kQwen3),
                         [](const auto& instance) {
                           return std::string(arch::model_type_name(instance.param));
                         });

TEST(LoraModel, RecomputingWholeBlocksMeetsTheSameMasks) {
  const auto config = test::tiny_config();
  TinyAdapter tiny = make_tiny_adapter(config, {.dropout = 0.3});
  const ModelInput input = stream_of(two_documents(config), 77);
  const TrainedPass selective = run(tiny, input);
  tiny.model->set_recompute(RecomputePolicy::kBlock);
  EXPECT_TRUE(at::equal(run(tiny, input).flat, selective.flat));
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

TEST(LoraModel, TheBaseReceivesNothing) {
  const auto config = test::tiny_config(Architecture::kQwen3);
  TinyAdapter tiny = make_tiny_adapter(config);
  const at::Tensor before = tiny.base->flat_weights().clone();
  run(tiny, stream_of(two_documents(config)));
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
      const TrainedPass expected = run(wide, input), got = run(half, input);
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
  const TrainedPass analytic = run(tiny, input);
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
    merge(tiny, *dense.store);
    const at::AutoGradMode grad(true);
    const ModelInput input = stream_of({test::random_ids(9, 103, 1), {102, 97, 0}});
    const at::Tensor expected = dense.model->forward(input);
    torch::autograd::backward({expected}, {upstream_of(expected)});
    const TrainedPass got = run(tiny, input);
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

TEST(LoraParameters, AreNamedAsPeftNamesThem) {
  TinyAdapterOptions options{
      .keys = R"("target_modules": ["q_proj"], "layers_to_transform": [1], "r": 4,
                 "modules_to_save": ["embed_tokens"])"};
  const auto specs = lora_parameter_specs(test::tiny_layout(test::tiny_config(), options));
  ASSERT_EQ(specs.size(), 3u);
  EXPECT_EQ(specs[0].name, "model.layers.1.self_attn.q_proj.lora_A.weight");
  EXPECT_EQ(specs[0].shape, (std::vector<int64_t>{4, 32}));
  EXPECT_EQ(specs[1].name, "model.layers.1.self_attn.q_proj.lora_B.weight");
  EXPECT_EQ(specs[1].shape, (std::vector<int64_t>{32, 4}));
  EXPECT_EQ(specs[2].name, "model.embed_tokens.weight");
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
