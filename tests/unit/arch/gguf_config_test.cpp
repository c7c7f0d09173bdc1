// Oracle: the config that was written; published values of Llama 3 for files of other writers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "llm/arch/gguf.h"
#include "llm/arch/parameters.h"
#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"
#include "support/tiny_config.h"

namespace llm::arch {
namespace {

using testing::HasSubstr;

class GgufConfigTest : public testing::Test {
 protected:
  using Change = std::function<void(io::GgufMetadata&)>;

  // A file with the config's metadata (or `metadata`) and tensors of zeros.
  std::filesystem::path write(const ModelConfig& config, io::GgufMetadata metadata,
                              std::vector<float> rope_freqs) const {
    std::vector<io::GgufTensor> tensors;
    for (const ParameterSpec& spec : parameter_specs(config))
      tensors.push_back({.name = gguf_tensor_name(spec.name), .shape = spec.shape});
    if (!rope_freqs.empty())
      tensors.push_back(
          {.name = kRopeFreqsName, .shape = {static_cast<int64_t>(rope_freqs.size())}});
    io::GgufWriter writer(directory_ / "model.gguf", std::move(metadata), tensors);
    for (const ParameterSpec& spec : parameter_specs(config))
      writer.write_next(std::vector<std::byte>(static_cast<size_t>(spec.numel()) * 4));
    if (!rope_freqs.empty()) writer.write_next(std::as_bytes(std::span(rope_freqs)));
    writer.commit();
    return directory_ / "model.gguf";
  }
  ModelConfig round_trip(const ModelConfig& config) const {
    io::GgufMetadata metadata;
    metadata.set("general.architecture", gguf_architecture(config.architecture));
    add_gguf_metadata(config, metadata);
    return config_from_gguf(
        io::GgufModel(write(config, std::move(metadata), gguf_rope_freqs(config))));
  }
  // As another program writes it: without llmtrain.*.
  io::GgufMetadata foreign(const ModelConfig& config, const Change& change = {}) const {
    io::GgufMetadata metadata;
    metadata.set("general.architecture", gguf_architecture(config.architecture));
    const auto number = [&](const char* key, int64_t value) {
      metadata.set(std::string("llama.") + key, static_cast<uint32_t>(value));
    };
    number("context_length", config.max_position_embeddings);
    number("embedding_length", config.hidden_size);
    number("block_count", config.num_hidden_layers);
    number("feed_forward_length", config.intermediate_size);
    number("attention.head_count", config.num_attention_heads);
    number("attention.head_count_kv", config.num_key_value_heads);
    metadata.set("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    metadata.set("llama.rope.freq_base", 500000.0F);
    if (change) change(metadata);
    return metadata;
  }

  test::TempDirectory directory_;
};

TEST_F(GgufConfigTest, ComesBackWholeForEveryScaling) {
  std::vector<RopeConfig> scalings(4);
  scalings[1].type = RopeType::kLinear;
  scalings[1].factor = 2.7;  // no fp32 value
  scalings[2].type = RopeType::kYarn;
  scalings[2].factor = 4;
  scalings[2].original_max_position_embeddings = 16;
  scalings[2].mscale = 0.707;
  scalings[2].mscale_all_dim = 1.5;
  scalings[3].type = RopeType::kLlama3;
  scalings[3].factor = 16;  // not published
  scalings[3].original_max_position_embeddings = 32;
  for (const Architecture architecture :
       {Architecture::kLlama, Architecture::kMistral, Architecture::kQwen2, Architecture::kQwen3}) {
    for (const RopeConfig& rope : scalings) {
      ModelConfig config = test::tiny_config(architecture, architecture == Architecture::kQwen2);
      config.rope = rope;
      config.rope.theta = 1234567.8;
      config.rms_norm_eps = 1.1e-6;
      config.eos_token_ids = {5, 7};
      config.bos_token_id = 4;
      config.inert["use_cache"] = true;
      EXPECT_EQ(to_json(round_trip(config)), to_json(config));
    }
  }
}

TEST_F(GgufConfigTest, AFileOfAnotherWriterGivesDecimalsAsPeopleWriteThem) {
  ModelConfig config = test::tiny_config();
  const ModelConfig read = config_from_gguf(io::GgufModel(write(config, foreign(config), {})));
  config.rms_norm_eps = 1e-5;
  config.rope.theta = 500000;
  config.initializer_range = ModelConfig().initializer_range;
  EXPECT_EQ(read, config);
}

TEST_F(GgufConfigTest, RecoversThePublishedScalingsFromTheirDivisors) {
  for (const double factor : {8.0, 32.0}) {
    ModelConfig config = test::tiny_config();
    config.head_dim = 64;
    config.max_position_embeddings = 131072;
    config.num_attention_heads = 2;
    config.num_key_value_heads = 1;
    config.hidden_size = 128;
    config.rope = {.type = RopeType::kLlama3,
                   .theta = 500000,
                   .factor = factor,
                   .original_max_position_embeddings = 8192,
                   .low_freq_factor = 1,
                   .high_freq_factor = 4};
    const io::GgufModel model(write(config, foreign(config), gguf_rope_freqs(config)));
    EXPECT_EQ(config_from_gguf(model).rope, config.rope);
  }
}

TEST_F(GgufConfigTest, AsksForAScalingThatCannotBeTold) {
  ModelConfig config = test::tiny_config();
  const Llama3Scaling given{.factor = 4, .original_max_position_embeddings = 32};
  config.rope.type = RopeType::kLlama3;
  config.rope.theta = 500000;
  config.rope.factor = 4;
  config.rope.original_max_position_embeddings = 32;
  const io::GgufModel model(write(config, foreign(config), gguf_rope_freqs(config)));
  EXPECT_THAT(test::error_text<core::FormatError>([&] { config_from_gguf(model); }),
              HasSubstr("--rope-scaling"));
  EXPECT_EQ(config_from_gguf(model, given).rope, config.rope);
  EXPECT_THAT(test::error_text<core::FormatError>(
                  [&] { config_from_gguf(model, Llama3Scaling{.factor = 5}); }),
              HasSubstr("others than the given scaling"));
}

TEST_F(GgufConfigTest, WhatWeDoNotComputeIsRefused) {
  const ModelConfig config = test::tiny_config();
  const std::vector<std::pair<const char*, Change>> changes = {
      {"expert_count", [](auto& m) { m.set("llama.expert_count", uint32_t{8}); }},
      {"sliding_window", [](auto& m) { m.set("llama.attention.sliding_window", uint32_t{16}); }},
      {"rope.dimension_count",
       [](auto& m) {
         m.set("llama.rope.dimension_count", uint32_t{4});
         m.set("llama.attention.key_length", uint32_t{8});
       }},
      {"rope.scaling.type", [](auto& m) { m.set("llama.rope.scaling.type", "longrope"); }}};
  for (const auto& [key, change] : changes) {
    const io::GgufModel model(write(config, foreign(config, change), {}));
    EXPECT_THAT(test::error_text<core::FormatError>([&] { config_from_gguf(model); }),
                HasSubstr(std::string("llama.") + (key[0] == 's' ? "attention." : "") + key));
  }
  io::GgufMetadata metadata;
  metadata.set("general.architecture", "gemma2");
  const io::GgufModel model(write(config, std::move(metadata), {}));
  EXPECT_THAT(test::error_text<core::FormatError>([&] { config_from_gguf(model); }),
              HasSubstr("expected llama, qwen2 or qwen3, got gemma2"));
}

TEST_F(GgufConfigTest, AWrittenConfigThatDisagreesIsIgnored) {
  ModelConfig config = test::tiny_config();
  config.rms_norm_eps = 1e-5;
  config.rope.theta = 500000;
  ModelConfig other = config;
  other.rms_norm_eps = 1e-3;
  const auto with_config = [&](const ModelConfig& stated) {
    return foreign(config, [&](auto& m) { m.set("llmtrain.config", to_json(stated).dump()); });
  };
  EXPECT_EQ(
      config_from_gguf(io::GgufModel(write(config, with_config(config), {}))).initializer_range,
      config.initializer_range);
  EXPECT_EQ(config_from_gguf(io::GgufModel(write(config, with_config(other), {}))).rms_norm_eps,
            1e-5);
}

TEST_F(GgufConfigTest, WhatGgufCannotHoldIsRefused) {
  ModelConfig config = test::tiny_config();
  config.rope.type = RopeType::kDynamic;
  config.rope.factor = 2;
  io::GgufMetadata metadata;
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { add_gguf_metadata(config, metadata); }),
              HasSubstr("got dynamic"));
}

}  // namespace
}  // namespace llm::arch
