// Oracle: the messages a person must get, each for an adapter broken in exactly one way; and
// W + scale * B A computed here in fp64.
#include "llm/convert/lora_adapter.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/conversion.h"
#include "llm/convert/gguf_file.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

// A base and an adapter on q_proj and down_proj beside it.
class LoraAdapterTest : public testing::Test {
 protected:
  void SetUp() override {
    tokenizer_ = test::tiny_tokenizer();
    base_config_ = test::tiny_text_config();
    test::save_tiny_model(directory_ / "base", base_config_, tokenizer_.get());
    directory_.file("base/generation_config.json", R"({"temperature": 0.5})");
    config_.r = 3;
    config_.lora_alpha = 6;
    config_.target_modules.suffixes = {"q_proj", "down_proj"};
    config_.base_model_name_or_path = "../base";
  }
  // Tensors of `spoil` replace those of the adapter; an undefined one removes it.
  void save(const std::map<std::string, at::Tensor>& spoil = {},
            std::optional<uint64_t> base_fingerprint = {}) {
    std::map<std::string, at::Tensor> values = spoil;
    at::manual_seed(3);
    for (const AdapterTensor& tensor :
         adapter_tensors(arch::lora_layout(config_, base_config_, "test")))
      values.emplace(tensor.name, at::randn(tensor.shape) * 0.1);
    std::vector<AdapterTensor> list;
    for (const auto& [name, tensor] : values)
      if (tensor.defined()) list.push_back({name, tensor.sizes().vec()});
    save_adapter(directory_ / "adapter",
                 {.config = config_,
                  .tensors = list,
                  .values = [&](const std::string& name) { return values.at(name); },
                  .base_fingerprint = base_fingerprint});
  }
  template <class E>
  std::string open_error(const OpenOptions& options = {}) const {
    return test::error_text<E>([&] { open_model(directory_ / "adapter", options); });
  }

  static constexpr const char* kA =
      "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
  static constexpr const char* kEmbedding = "base_model.model.model.embed_tokens.weight";
  test::TempDirectory directory_;
  arch::ModelConfig base_config_;
  arch::LoraConfig config_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

TEST_F(LoraAdapterTest, AnotherBaseIsRefused) {
  const ModelSource base = open_model(directory_ / "base");
  const uint64_t fingerprint = base_fingerprint(*base.weights, base.config);
  save({}, fingerprint);
  EXPECT_EQ(open_model(directory_ / "adapter").adapter->adapter.base_fingerprint(), fingerprint);
  save({}, fingerprint + 1);
  EXPECT_THAT(open_error<core::ConfigError>(), HasSubstr("the base it was trained on"));
}

TEST_F(LoraAdapterTest, ReadsAsTheMergedModel) {
  save();
  const ModelSource merged = open_model(directory_ / "adapter", {.need_tokenizer = true});
  const ModelSource base = open_model(directory_ / "base");
  EXPECT_EQ(merged.config, base.config);
  EXPECT_EQ(merged.tokenizer->fingerprint(), tokenizer_->fingerprint());
  EXPECT_EQ(merged.generation.temperature, 0.5);
  require_exact_weights(*merged.weights, merged.config);
  const LoraAdapter& adapter = merged.adapter->adapter;
  ASSERT_EQ(adapter.layout().modules.size(), 4u);
  for (const auto& [name, stored] : base.weights->tensors()) {
    at::Tensor expected = base.weights->read(name).to(at::kDouble);
    if (const arch::LoraModule* module = adapter.find_module(name))
      expected = expected +
                 2 * at::mm(adapter.b(*module).to(at::kDouble), adapter.a(*module).to(at::kDouble));
    EXPECT_TRUE(at::allclose(merged.weights->read(name).to(at::kDouble), expected, 1e-6, 1e-7))
        << name;
    EXPECT_EQ(merged.weights->entry(name).shape, stored.shape);
  }
}

TEST_F(LoraAdapterTest, RowsAreThoseOfTheTensor) {
  save();
  const ModelSource merged = open_model(directory_ / "adapter");
  for (const auto& [name, tensor] : merged.weights->tensors()) {
    const int64_t first = tensor.shape[0] / 3;
    const int64_t count = tensor.shape[0] - first - 1;
    EXPECT_TRUE(at::equal(merged.weights->read_rows(name, first, count),
                          merged.weights->read(name).narrow(0, first, count)));
  }
}

TEST_F(LoraAdapterTest, TellsHowMuchItChanges) {
  save();
  const ModelSource merged = open_model(directory_ / "adapter");
  for (const LoraChange& change : lora_changes(*merged.adapter)) {
    const at::Tensor before = merged.adapter->base->read(change.parameter);
    const at::Tensor after = merged.weights->read(change.parameter);
    EXPECT_NEAR(change.relative, (at::norm(after - before) / at::norm(before)).item<double>(),
                1e-5);
    EXPECT_EQ(change.rank, 3);
    EXPECT_EQ(change.scale, 2);
  }
}

TEST_F(LoraAdapterTest, AdaptedWeightsOfA16BitBaseAreNotRounded) {
  test::save_tiny_model(directory_ / "base", base_config_, tokenizer_.get(),
                        {.dtype = at::kBFloat16});
  save();
  const ModelSource merged = open_model(directory_ / "adapter");
  EXPECT_EQ(merged.adapter->base_dtype(), at::kBFloat16);
  EXPECT_EQ(merged.weights->entry("model.layers.0.mlp.down_proj.weight").dtype, at::kFloat);
  EXPECT_EQ(merged.weights->entry("model.layers.0.mlp.up_proj.weight").dtype, at::kBFloat16);
}

TEST_F(LoraAdapterTest, WorksOnAQuantisedBase) {
  write_gguf(open_model(directory_ / "base"), directory_ / "base.gguf",
             {.type = GgufFileType::kQ8_0});
  save();
  const ModelSource merged = open_model(directory_ / "adapter", {.base = directory_ / "base.gguf"});
  EXPECT_EQ(merged.adapter->base_dtype(), at::kFloat);
  EXPECT_FALSE(merged.weights->entry("model.layers.0.mlp.down_proj.weight").quantized);
  write_hugging_face(merged, directory_ / "out");
  EXPECT_EQ(load_model(directory_ / "out").config.num_hidden_layers, 2);
}

TEST_F(LoraAdapterTest, MissingUnusedAndMisShapedTensorsAreListed) {
  save({{kA, at::Tensor()}, {"base_model.model.extra.weight", at::zeros({2})}});
  EXPECT_THAT(open_error<core::FormatError>(),
              AllOf(HasSubstr("exactly the 8 tensors of adapter_config.json"),
                    HasSubstr(std::string("1 missing: ") + kA),
                    HasSubstr("1 unused: base_model.model.extra.weight")));
  save({{kA, at::zeros({4, 32})}});
  EXPECT_THAT(open_error<core::FormatError>(), HasSubstr("[4, 32], expected [3, 32]"));
}

TEST_F(LoraAdapterTest, TheBaseMustBeThere) {
  config_.base_model_name_or_path = "meta-llama/Llama-3.2-1B";
  save();
  EXPECT_THAT(
      open_error<core::ConfigError>(),
      AllOf(HasSubstr("adapter_config.json: base_model_name_or_path"),
            HasSubstr("\"meta-llama/Llama-3.2-1B\", which is not there"), HasSubstr("--base")));
  EXPECT_EQ(open_error<core::ConfigError>({.base = directory_ / "base"}), "no exception");
  EXPECT_THAT(open_error<core::ConfigError>({.base = directory_ / "adapter"}),
              HasSubstr("expected a whole model as the base"));
  config_.base_model_name_or_path = ".";
  save();
  EXPECT_THAT(open_error<core::ConfigError>(), HasSubstr("got an adapter"));
}

TEST_F(LoraAdapterTest, PicklesAreRefusedWithAdvice) {
  save();
  fs::rename(directory_ / "adapter/adapter_model.safetensors",
             directory_ / "adapter/adapter_model.bin");
  EXPECT_THAT(open_error<core::FormatError>(),
              AllOf(HasSubstr("adapter_model.bin"), HasSubstr("safe_serialization=True")));
  fs::remove(directory_ / "adapter/adapter_model.bin");
  EXPECT_THAT(open_error<core::IoError>(), HasSubstr("expected adapter_model.safetensors"));
}

TEST_F(LoraAdapterTest, AVocabularyGrowsWithTheTablesTogether) {
  save({{kEmbedding, at::randn({300, 32})}});  // not in modules_to_save, as after a resize
  ModelSource merged = open_model(directory_ / "adapter");
  EXPECT_EQ(merged.config.vocab_size, 300);
  EXPECT_TRUE(merged.config.tie_word_embeddings);
  require_exact_weights(*merged.weights, merged.config);

  const at::Tensor same = at::randn({300, 32});
  save({{kEmbedding, same}, {"base_model.model.lm_head.weight", same}});
  EXPECT_TRUE(open_model(directory_ / "adapter").config.tie_word_embeddings);
  save({{kEmbedding, same}, {"base_model.model.lm_head.weight", same + 1}});
  merged = open_model(directory_ / "adapter");
  EXPECT_FALSE(merged.config.tie_word_embeddings);
  require_exact_weights(*merged.weights, merged.config);

  base_config_.tie_word_embeddings = false;
  test::save_tiny_model(directory_ / "base", base_config_, tokenizer_.get());
  save({{kEmbedding, same}});
  EXPECT_THAT(open_error<core::FormatError>(),
              AllOf(HasSubstr("got 288 and 300"), HasSubstr("must store both")));
}

TEST_F(LoraAdapterTest, ItsOwnTokenizerGoesBeforeTheBases) {
  save({{kEmbedding, at::randn({300, 32})}});
  test::tiny_tokenizer(276)->save(directory_ / "adapter");
  directory_.file("adapter/chat_template.jinja", "mine");
  const ModelSource merged = open_model(directory_ / "adapter");
  EXPECT_EQ(merged.tokenizer->vocab_size(), 276);
  EXPECT_EQ(merged.chat_template, "mine");
  EXPECT_EQ(merged.generation.temperature, 0.5);
  write_adapter(merged, directory_ / "copy", {.dtype = at::kBFloat16});
  const ModelSource copy = open_model(directory_ / "copy");
  EXPECT_EQ(copy.tokenizer->vocab_size(), 276);
  EXPECT_EQ(copy.chat_template, "mine");
  EXPECT_TRUE(at::equal(copy.adapter->adapter.saved("model.embed_tokens.weight"),
                        merged.weights->read("model.embed_tokens.weight").to(at::kBFloat16)));
}

TEST_F(LoraAdapterTest, IsNotMistakenForAWholeModel) {
  save();
  EXPECT_TRUE(is_adapter_directory(directory_ / "adapter"));
  fs::copy_file(directory_ / "adapter/adapter_config.json",
                directory_ / "base/adapter_config.json");
  EXPECT_FALSE(is_adapter_directory(directory_ / "base"));
  const ConversionGate pass = [](const fs::path&, const fs::path&) {
    return GateReport{.passed = true, .report = {}};
  };
  EXPECT_THAT(test::error_text<core::ConfigError>([&] {
                convert_model(
                    {.from = directory_ / "base",
                     .out = directory_ / "x",
                     .open = {.base = directory_ / "base"}},
                    [](const ModelSource&, const fs::path&) {}, pass);
              }),
              HasSubstr("--base: expected an adapter directory"));
}

}  // namespace
}  // namespace llm::convert
