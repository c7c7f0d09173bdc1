// Oracle: the same GGUF file loaded as dense fp32 weights.
#include "llm/convert/frozen_store.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "llm/convert/gguf_file.h"
#include "llm/convert/model_directory.h"
#include "llm/nn/lora.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

// Wide enough for blocks in all matrices but down_proj, whose 80 columns become F16.
class FrozenStoreTest : public testing::TestWithParam<arch::Architecture> {
 protected:
  void SetUp() override {
    const auto tokenizer = test::tiny_tokenizer();
    config_ = test::tiny_text_config(GetParam());
    test::save_tiny_model(directory_ / "from", config_, tokenizer.get());
    write_gguf(open_model(directory_ / "from"), directory_ / "model.gguf",
               {.type = GgufFileType::kQ8_0});
    source_ = std::make_unique<ModelSource>(open_model(directory_ / "model.gguf"));
    store_ = load_frozen_store(*source_->weights, source_->config, {.trainable = false});
    dense_ = std::make_unique<tensor::ParameterStore>(arch::parameter_specs(source_->config),
                                                      tensor::StoreOptions{.trainable = false});
    load_weights(*source_->weights, source_->config, *dense_);
  }

  test::TempDirectory directory_;
  arch::ModelConfig config_;
  std::unique_ptr<ModelSource> source_;
  std::unique_ptr<tensor::ParameterStore> store_, dense_;
};

TEST_P(FrozenStoreTest, KeepsTheBlocksOfTheLayersAndTheirValues) {
  for (const tensor::LeafRange& leaf : dense_->leaves()) {
    const auto blocks = store_->quantized_leaf(leaf.name);
    const bool is_block_matrix = leaf.name.find("_proj.weight") != std::string::npos &&
                                 leaf.name.find("down_proj") == std::string::npos;
    EXPECT_EQ(blocks != nullptr, is_block_matrix) << leaf.name;
    const at::Tensor values =
        blocks ? blocks->read_rows(0, blocks->rows()) : store_->leaf(leaf.name);
    EXPECT_TRUE(at::equal(values, dense_->leaf(leaf.name))) << leaf.name;
  }
  EXPECT_LT(store_->arena_numel(), dense_->arena_numel());
}

TEST_P(FrozenStoreTest, AnAdapterOnBlocksEqualsItOnTheirValues) {
  arch::LoraConfig lora;
  lora.target_modules.pattern = arch::kAllLinear;
  lora.exclude_modules.suffixes = {"o_proj"};
  lora.modules_to_save = {"embed_tokens", "o_proj"};
  arch::LoraLayout layout = arch::lora_layout(lora, source_->config, "test");
  tensor::ParameterStore adapter(nn::lora_parameter_specs(layout), {});
  nn::initialize_lora(adapter, layout, 3, nn::LoraInit::kRandom);
  nn::copy_saved_parameters(*store_, layout, adapter);
  for (const arch::ParameterSpec& spec : layout.saved)
    EXPECT_TRUE(at::equal(adapter.weight(spec.name), dense_->weight(spec.name))) << spec.name;
  const nn::LoraWeights weights{.layout = layout, .store = adapter};
  nn::CausalLM on_blocks(source_->config, *store_, &weights);
  nn::CausalLM on_values(source_->config, *dense_, &weights);
  const auto input = nn::single_document({1, 5, 9, 2, 7, 7, 3}, at::kCPU);
  const auto gradients = [&](nn::CausalLM& model) {
    adapter.allocate_gradients();
    const at::Tensor hidden = model.forward(input);
    hidden.backward(at::linspace(-1, 1, hidden.numel()).view_as(hidden));
    return at::cat({hidden.detach().view(-1), adapter.flat_gradients()});
  };
  const at::Tensor expected = gradients(on_values), got = gradients(on_blocks);
  EXPECT_LE((at::norm(got - expected) / at::norm(expected)).item<double>(), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Architectures, FrozenStoreTest,
                         testing::Values(arch::Architecture::kLlama, arch::Architecture::kQwen2,
                                         arch::Architecture::kQwen3),
                         [](const auto& instance) {
                           return std::string(arch::model_type_name(instance.param));
                         });

TEST(FrozenStoreOf, ASourceWithoutBlocksIsAPlainFrozenStore) {
  const test::TempDirectory directory;
  const auto tokenizer = test::tiny_tokenizer();
  test::save_tiny_model(directory / "from", test::tiny_text_config(), tokenizer.get());
  const ModelSource source = open_model(directory / "from");
  const auto store = load_frozen_store(*source.weights, source.config,
                                       {.dtype = at::kBFloat16, .trainable = false});
  for (const tensor::ParameterRange& parameter : store->parameters()) {
    const std::string& name = parameter.spec.name;
    EXPECT_TRUE(at::equal(store->weight(name), source.weights->read(name).to(at::kBFloat16)));
  }
  EXPECT_EQ(store->parameters().size(), arch::parameter_specs(source.config).size());
}

}  // namespace
}  // namespace llm::convert
