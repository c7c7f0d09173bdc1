// Oracle: the bytes of the store that was saved; for bf16 and fp16, ATen's round-to-nearest-even of
// them; for foreign shards, files laid out by hand with the safetensors writer.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/file.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;
using arch::Architecture;

struct Case {
  Architecture architecture;
  bool tied;
};

class RoundTripTest : public testing::TestWithParam<Case> {
 protected:
  arch::ModelConfig config() const {
    return test::tiny_config(GetParam().architecture, GetParam().tied);
  }
  test::TempDirectory directory_;
};

void expect_equal_stores(const tensor::ParameterStore& expected,
                         const tensor::ParameterStore& found, at::ScalarType through) {
  ASSERT_EQ(expected.parameters().size(), found.parameters().size());
  for (const auto& parameter : expected.parameters()) {
    const std::string& name = parameter.spec.name;
    const at::Tensor rounded = expected.weight(name).to(through).to(at::kFloat);
    EXPECT_TRUE(at::equal(rounded, found.weight(name).to(at::kFloat))) << name;
  }
}

TEST_P(RoundTripTest, Fp32IsBitExact) {
  const test::TinyModel tiny = test::make_tiny_model(config());
  save_model(directory_.path(), config(), *tiny.store, nullptr, {}, "");
  const LoadedModel loaded = load_model(directory_.path(), {.need_tokenizer = false});
  expect_equal_stores(*tiny.store, *loaded.store, at::kFloat);
  EXPECT_EQ(loaded.config.dtype, "float32");
  EXPECT_EQ(loaded.tokenizer, nullptr);
}

TEST_P(RoundTripTest, LogitsAreEqual) {
  const test::TinyModel tiny = test::make_tiny_model(config());
  save_model(directory_.path(), config(), *tiny.store, nullptr, {}, "");
  const LoadedModel loaded = load_model(directory_.path(), {.need_tokenizer = false});
  const at::NoGradGuard no_grad;
  const auto input = nn::single_document({5, 1, 96, 0, 33, 7, 7}, at::kCPU);
  EXPECT_TRUE(at::equal(tiny.model->logits(tiny.model->forward(input)),
                        loaded.model->logits(loaded.model->forward(input))));
}

TEST_P(RoundTripTest, HalfTypesAreRoundedToNearestEven) {
  const test::TinyModel tiny = test::make_tiny_model(config());
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    save_model(directory_.path(), config(), *tiny.store, nullptr, {}, "", {.dtype = dtype});
    const LoadedModel loaded = load_model(directory_.path(), {.need_tokenizer = false});
    expect_equal_stores(*tiny.store, *loaded.store, dtype);
    EXPECT_EQ(loaded.config.dtype, dtype == at::kHalf ? "float16" : "bfloat16");
  }
}

TEST_P(RoundTripTest, ShardsHoldTheSameAndReplaceASingleFile) {
  const test::TinyModel tiny = test::make_tiny_model(config());
  save_model(directory_.path(), config(), *tiny.store, nullptr, {}, "");
  save_model(directory_.path(), config(), *tiny.store, nullptr, {}, "", {.max_shard_bytes = 20000});
  EXPECT_FALSE(fs::exists(directory_ / "model.safetensors"));
  EXPECT_TRUE(fs::exists(directory_ / "model.safetensors.index.json"));
  const LoadedModel loaded = load_model(directory_.path(), {.need_tokenizer = false});
  expect_equal_stores(*tiny.store, *loaded.store, at::kFloat);
  save_model(directory_.path(), config(), *tiny.store, nullptr, {}, "");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), {}), 2);
}

TEST_P(RoundTripTest, SavingALoadedModelGivesTheSameBytes) {
  const test::TinyModel tiny = test::make_tiny_model(config());
  save_model(directory_ / "a", config(), *tiny.store, nullptr, {}, "");
  const LoadedModel loaded = load_model(directory_ / "a", {.need_tokenizer = false});
  save_model(directory_ / "b", loaded.config, *loaded.store, nullptr, loaded.generation, "");
  for (const char* name : {"config.json", "model.safetensors"}) {
    EXPECT_EQ(test::read_bytes(directory_ / "a" / name), test::read_bytes(directory_ / "b" / name))
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, RoundTripTest,
                         testing::Values(Case{Architecture::kLlama, true},
                                         Case{Architecture::kLlama, false},
                                         Case{Architecture::kQwen2, true},
                                         Case{Architecture::kQwen3, false}));

TEST(SaveModelTest, NoShardExceedsTheLimitUnlessOneTensorDoes) {
  const test::TempDirectory directory;
  const auto config = test::tiny_config();
  test::save_tiny_model(directory.path(), config, nullptr, {.max_shard_bytes = 20000});
  const WeightFiles files(directory.path());
  EXPECT_EQ(files.data_bytes(), static_cast<uint64_t>(arch::num_parameters(config)) * 4);
  const auto index = io::read_json_file(directory / "model.safetensors.index.json");
  EXPECT_EQ(index["metadata"]["total_size"], files.data_bytes());
  std::map<std::string, uint64_t> bytes;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    bytes[file.get<std::string>()] += files.entry(tensor).bytes;
  }
  EXPECT_GT(bytes.size(), 2u);
  for (const auto& [file, size] : bytes) EXPECT_LE(size, 20000u) << file;
}

TEST(SaveModelTest, WritesTokenizerTemplateAndGenerationConfig) {
  const test::TempDirectory directory;
  const auto tokenizer = test::tiny_tokenizer();
  const auto config = test::tiny_text_config();
  const test::TinyModel tiny = test::make_tiny_model(config);
  GenerationConfig generation;
  generation.eos_token_ids = {1, 2};
  generation.temperature = 0.7;
  generation.inert["_from_model_config"] = true;
  save_model(directory.path(), config, *tiny.store, tokenizer.get(), generation, "{{ messages }}");
  const LoadedModel loaded = load_model(directory.path());
  EXPECT_EQ(loaded.tokenizer->fingerprint(), tokenizer->fingerprint());
  EXPECT_EQ(loaded.chat_template, "{{ messages }}");
  EXPECT_EQ(loaded.generation.eos_token_ids, generation.eos_token_ids);
  EXPECT_EQ(loaded.generation.temperature, 0.7);
  EXPECT_EQ(loaded.generation.inert["_from_model_config"], true);
}

TEST(SaveModelTest, AFullDiskKeepsTheWeightsThatWereThere) {
  const test::TempDirectory directory;
  const auto config = test::tiny_config();
  test::save_tiny_model(directory.path(), config, nullptr, {}, 1);
  const std::string before = test::read_bytes(directory / "model.safetensors");
  io::set_fault_hook([](const io::FileOperation& op) {
    const bool is_weights = op.path.string().find("model.safetensors") != std::string::npos;
    return is_weights && op.action == io::FileAction::kWrite ? ENOSPC : 0;
  });
  EXPECT_THROW(test::save_tiny_model(directory.path(), config, nullptr, {}, 2), core::IoError);
  io::set_fault_hook({});
  EXPECT_EQ(test::read_bytes(directory / "model.safetensors"), before);
}

}  // namespace
}  // namespace llm::convert
