// Oracle: the messages a person must get, each for a directory broken in exactly one way.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/checkpoint_list.h"
#include "llm/io/manifest.h"
#include "llm/tensor/device.h"
#include "support/error_text.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kNorm = "model.norm.weight";

// A saved model whose tensors can be changed before they are written again.
class LoadErrorsTest : public testing::Test {
 protected:
  void save(bool tied = true) {
    config_ = test::tiny_config(arch::Architecture::kLlama, tied);
    test::save_tiny_model(directory_.path(), config_);
    const WeightFiles files(directory_.path());
    for (const auto& [name, unused] : files.tensors()) tensors_[name] = files.read(name).clone();
  }
  void rewrite() {
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, tensor] : tensors_) {
      entries.push_back({.name = name,
                         .dtype = tensor::to_tensor_dtype(tensor.scalar_type()),
                         .shape = tensor.sizes().vec()});
    }
    io::SafetensorsWriter writer(directory_ / "model.safetensors", entries);
    for (const auto& [name, tensor] : tensors_) {
      writer.write_next({static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    writer.commit();
  }
  template <class E>
  std::string load_error(bool need_tokenizer = false) const {
    return test::error_text<E>(
        [&] { load_model(directory_.path(), {.need_tokenizer = need_tokenizer}); });
  }

  test::TempDirectory directory_;
  arch::ModelConfig config_;
  std::map<std::string, at::Tensor> tensors_;
};

TEST_F(LoadErrorsTest, MissingAndUnusedTensorsAreListedWithTheNearestName) {
  save();
  tensors_["model.norms.weight"] = tensors_[kNorm];
  tensors_.erase(kNorm);
  tensors_["extra.bias"] = at::zeros({2});
  rewrite();
  EXPECT_THAT(load_error<core::FormatError>(),
              AllOf(HasSubstr("1 missing: model.norm.weight (there is model.norms.weight)"),
                    HasSubstr("2 unused: extra.bias, model.norms.weight")));
}

TEST_F(LoadErrorsTest, AShapeThatDiffersIsShownBothWays) {
  save();
  tensors_["model.layers.1.self_attn.k_proj.weight"] = at::zeros({32, 32});
  rewrite();
  EXPECT_THAT(load_error<core::FormatError>(),
              HasSubstr("model.layers.1.self_attn.k_proj.weight [32, 32], expected [16, 32]"));
}

TEST_F(LoadErrorsTest, WeightsThatAreNoFloatsAreRefused) {
  save();
  tensors_[kNorm] = at::zeros({32}, at::kLong);
  rewrite();
  EXPECT_THAT(load_error<core::FormatError>(),
              AllOf(HasSubstr("1 of an unsupported type: model.norm.weight I64"),
                    HasSubstr("F32, BF16 or F16")));
}

TEST_F(LoadErrorsTest, AnUntiedModelWithoutHeadSaysHowToTie) {
  save(/*tied=*/false);
  tensors_.erase("lm_head.weight");
  rewrite();
  EXPECT_THAT(load_error<core::FormatError>(),
              AllOf(HasSubstr("1 missing: lm_head.weight"), HasSubstr("tie_word_embeddings")));
}

TEST_F(LoadErrorsTest, ATiedHeadMayBeStoredButMustEqualTheEmbedding) {
  save();
  tensors_["lm_head.weight"] = tensors_["model.embed_tokens.weight"].clone();
  tensors_["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({4});
  rewrite();
  EXPECT_EQ(load_error<core::FormatError>(), "no exception");
  tensors_["lm_head.weight"][3][2] += 1;
  rewrite();
  EXPECT_THAT(load_error<core::FormatError>(),
              AllOf(HasSubstr("lm_head.weight: expected the values of model.embed_tokens.weight"),
                    HasSubstr("got other values")));
}

TEST_F(LoadErrorsTest, MixedFloatTypesLoadAsTheyAre) {
  save();
  for (auto& [name, tensor] : tensors_) {
    tensor = tensor.to(name.find("norm") != std::string::npos ? at::kHalf : at::kBFloat16);
  }
  rewrite();
  const LoadedModel loaded = load_model(directory_.path(), {.need_tokenizer = false});
  for (const auto& [name, tensor] : tensors_) {
    EXPECT_TRUE(at::equal(tensor.to(at::kFloat), loaded.store->weight(name))) << name;
  }
}

TEST_F(LoadErrorsTest, TorchSaveFilesAreRefusedWithAdvice) {
  save();
  fs::rename(directory_ / "model.safetensors", directory_ / "pytorch_model.bin");
  EXPECT_THAT(load_error<core::FormatError>(),
              AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("torch.save"),
                    HasSubstr("safe_serialization=True")));
}

TEST_F(LoadErrorsTest, WithoutWeightsBothNamesAreNamed) {
  save();
  fs::remove(directory_ / "model.safetensors");
  EXPECT_THAT(load_error<core::IoError>(),
              HasSubstr("expected model.safetensors or model.safetensors.index.json, got neither"));
}

TEST_F(LoadErrorsTest, ATruncatedFileIsRefused) {
  save();
  const std::string whole = test::read_bytes(directory_ / "model.safetensors");
  for (const size_t length : {size_t{0}, size_t{7}, size_t{300}, whole.size() - 1}) {
    directory_.file("model.safetensors", whole.substr(0, length));
    EXPECT_THAT(load_error<core::FormatError>(), HasSubstr("model.safetensors")) << length;
  }
}

TEST_F(LoadErrorsTest, AMissingTokenizerMattersOnlyWhenItIsNeeded) {
  save();
  EXPECT_THAT(load_error<core::IoError>(true), HasSubstr("tokenizer.json"));
  EXPECT_EQ(load_error<core::IoError>(false), "no exception");
}

TEST_F(LoadErrorsTest, ATokenizerLargerThanTheModelIsRefused) {
  save();  // 97 ids
  test::tiny_tokenizer()->save(directory_.path());
  EXPECT_THAT(
      load_error<core::FormatError>(true),
      AllOf(HasSubstr("vocab_size: expected at least the tokenizer's"), HasSubstr("got 97")));
}

TEST_F(LoadErrorsTest, AnIndexMustAgreeWithItsShards) {
  config_ = test::tiny_config();
  test::save_tiny_model(directory_.path(), config_, nullptr, {.max_shard_bytes = 20000});
  const fs::path file = directory_ / "model.safetensors.index.json";
  const io::OrderedJson index = io::read_ordered_json_file(file);
  const auto error_with = [&](const char* tensor, const io::OrderedJson& shard) {
    io::OrderedJson changed = index;
    shard.is_null() ? (void)changed["weight_map"].erase(tensor)
                    : (void)(changed["weight_map"][tensor] = shard);
    io::write_file_atomically(file, changed.dump());
    return load_error<core::FormatError>();
  };
  EXPECT_THAT(error_with(kNorm, nullptr), HasSubstr("expected model.norm.weight in the index"));
  EXPECT_THAT(error_with(kNorm, "absent.safetensors"),
              HasSubstr("expected the shard absent.safetensors, got no such file"));
  EXPECT_THAT(error_with("new.weight", index["weight_map"][kNorm]),
              HasSubstr("expected the tensor new.weight, got none"));
  EXPECT_THAT(error_with(kNorm, "../x.safetensors"),
              HasSubstr("expected a file name for model.norm.weight"));
  EXPECT_THAT(error_with(kNorm, 3), HasSubstr("expected a file name"));
}

TEST_F(LoadErrorsTest, GenerationConfigNamesTheMistypedKey) {
  save();
  directory_.file("generation_config.json", R"({"temperature": "hot"})");
  EXPECT_THAT(load_error<core::FormatError>(),
              HasSubstr("generation_config.json: temperature: expected a number, got \"hot\""));
  directory_.file("generation_config.json", R"({"eos_token_id": [1, "x"]})");
  EXPECT_THAT(load_error<core::FormatError>(), HasSubstr("a token id or a list of them"));
}

TEST(GenerationConfigTest, ReadsBothFormsOfEosAndKeepsTheRest) {
  std::vector<std::string> ignored;
  const auto parse = [&](const char* text) {
    return parse_generation_config(io::parse_ordered_json(text, "test"), "test", 97, ignored);
  };
  EXPECT_EQ(parse(R"({"eos_token_id": 7})").eos_token_ids, std::vector<int64_t>{7});
  EXPECT_TRUE(parse("{}").empty());
  const char* text = R"({"bos_token_id":1,"eos_token_id":[2,3],"do_sample":true,"top_k":40})";
  EXPECT_EQ(to_json(parse(text)).dump(), text);
  EXPECT_FALSE(parse(R"({"temperature": null})").temperature.has_value());
  EXPECT_THAT(ignored, testing::IsEmpty());
}

TEST(GenerationConfigTest, HintsThatNobodyCanFollowAreNamedAndAbsent) {
  std::vector<std::string> ignored;
  const auto parse = [&](const std::string& text) {
    ignored.clear();
    return parse_generation_config(io::parse_ordered_json(text, "test"), "test", 97, ignored);
  };
  for (const char* text :
       {R"({"max_new_tokens": 0})", R"({"max_new_tokens": -5})",
        R"({"max_new_tokens": 9223372036854775807})", R"({"max_new_tokens": 18446744073709551615})",
        R"({"temperature": -0.1})", R"({"top_p": 0})", R"({"top_p": 1.5})", R"({"min_p": 2})",
        R"({"top_k": -2})", R"({"repetition_penalty": 0})", R"({"eos_token_id": -1})",
        R"({"eos_token_id": 97})"}) {
    EXPECT_TRUE(parse(text).empty()) << text;
    EXPECT_EQ(ignored.size(), 1u) << text;
  }
  parse(R"({"temperature": -1})");
  EXPECT_EQ(ignored[0], "temperature: expected a number >= 0, got -1");
  EXPECT_EQ(parse(R"({"eos_token_id": [2, 97, 96]})").eos_token_ids, (std::vector<int64_t>{2, 96}));
  EXPECT_EQ(ignored[0], "eos_token_id: expected an id in [0, 96], got 97");
  const char* fine = R"({"temperature":0,"top_k":-1,"top_p":1,"max_new_tokens":2147483647})";
  EXPECT_EQ(to_json(parse(fine)).dump(),
            R"({"temperature":0.0,"top_k":-1,"top_p":1.0,"max_new_tokens":2147483647})");
  EXPECT_THAT(ignored, testing::IsEmpty());
}

TEST_F(LoadErrorsTest, EmptyFilesAreCalledEmpty) {
  save();
  directory_.file("empty.gguf", "");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { open_model(directory_ / "empty.gguf"); }),
              HasSubstr("a GGUF file or llama2.c's .bin, got an empty file"));
  directory_.file("tokenizer.json", "");
  EXPECT_THAT(load_error<core::FormatError>(true),
              HasSubstr("tokenizer.json: expected a tokenizer, got an empty file"));
  fs::remove(directory_ / "tokenizer.json");
  directory_.file("model.safetensors", "");
  EXPECT_THAT(load_error<core::FormatError>(),
              HasSubstr("model.safetensors: expected a safetensors file, got an empty file"));
  directory_.file("config.json", "");
  EXPECT_THAT(load_error<core::FormatError>(),
              HasSubstr("config.json: expected JSON, got an empty file"));
}

TEST(ChatTemplateTest, ComesFromTheFileThenFromTheTokenizerConfig) {
  const test::TempDirectory directory;
  EXPECT_EQ(read_chat_template(directory.path()), "");
  directory.file("tokenizer_config.json", R"({"chat_template": "A"})");
  EXPECT_EQ(read_chat_template(directory.path()), "A");
  directory.file("tokenizer_config.json",
                 R"({"chat_template": [{"name": "tool_use", "template": "T"},
                                       {"name": "default", "template": "D"}]})");
  EXPECT_EQ(read_chat_template(directory.path()), "D");
  directory.file("chat_template.jinja", "J");
  EXPECT_EQ(read_chat_template(directory.path()), "J");
}

// A run with checkpoints of steps 2, 10 and 30, of which 30 was cut off before its manifest.
class ResolveTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"step-00000002", "step-00000010", "step-00000030"}) {
      const fs::path checkpoint = directory_ / "checkpoints" / name;
      test::save_tiny_model(checkpoint, test::tiny_config());
      if (std::string(name) != "step-00000030") io::write_manifest(checkpoint);
    }
    directory_.file("config.json", "{\"a run's settings\": 1}");
  }
  test::TempDirectory directory_;
};

TEST_F(ResolveTest, ARunIsItsNewestWholeCheckpoint) {
  EXPECT_EQ(resolve_model_directory(directory_.path()), directory_ / "checkpoints/step-00000010");
  fs::resize_file(directory_ / "checkpoints/step-00000010/model.safetensors", 100);
  EXPECT_EQ(resolve_model_directory(directory_.path()), directory_ / "checkpoints/step-00000002");
  ASSERT_EQ(io::list_checkpoints(directory_.path()).size(), 1u);
  EXPECT_EQ(io::list_checkpoints(directory_.path())[0].step, 2);
}

TEST_F(ResolveTest, ACheckpointWithoutManifestDoesNotExist) {
  const fs::path checkpoint = directory_ / "checkpoints/step-00000030";
  EXPECT_THAT(test::error_text<core::FormatError>([&] { resolve_model_directory(checkpoint); }),
              HasSubstr("expected a complete checkpoint"));
  fs::rename(checkpoint, directory_ / "mine");  // elsewhere it is a plain model
  EXPECT_EQ(resolve_model_directory(directory_ / "mine"), directory_ / "mine");
}

TEST_F(ResolveTest, ADamagedCheckpointNamesTheFile) {
  const fs::path checkpoint = directory_ / "checkpoints/step-00000002";
  fs::remove(checkpoint / "config.json");
  directory_.file("checkpoints/step-00000002/config.json", "{}");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { resolve_model_directory(checkpoint); }),
              AllOf(HasSubstr("config.json has 2 bytes"), HasSubstr("without manifest.json")));
}

TEST_F(ResolveTest, ADamagedNewestCheckpointNamesAWholeOne) {
  const fs::path newest = directory_ / "checkpoints/step-00000010";
  std::string bytes = test::read_bytes(newest / "model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  directory_.file("checkpoints/step-00000010/model.safetensors", bytes);
  const auto message = [&] {
    return test::error_text<core::FormatError>([&] { resolve_model_directory(directory_.path()); });
  };
  const std::string whole = (directory_ / "checkpoints/step-00000002").string();
  EXPECT_THAT(message(), AllOf(HasSubstr("step-00000010: expected a complete checkpoint, got "
                                         "model.safetensors has hash"),
                               HasSubstr(whole + " is whole"), HasSubstr("--resume")));
  bytes = test::read_bytes(whole + "/model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  directory_.file("checkpoints/step-00000002/model.safetensors", bytes);
  EXPECT_THAT(message(), HasSubstr("No whole checkpoint lies beside it"));
}

TEST_F(ResolveTest, ARunOfDamagedCheckpointsNamesOne) {
  for (const char* name : {"step-00000002", "step-00000010"}) {
    directory_.file(std::string("checkpoints/") + name + "/manifest.json", "{\"files\": {}}");
  }
  EXPECT_THAT(test::error_text<core::IoError>([&] { resolve_model_directory(directory_.path()); }),
              AllOf(HasSubstr("a run without a complete checkpoint"), HasSubstr("step-00000030")));
}

TEST_F(ResolveTest, AnOlderCheckpointIsNeverTakenSilently) {
  testing::internal::CaptureStderr();
  resolve_model_directory(directory_.path());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("step-00000030 is incomplete or damaged"),
                    HasSubstr("step-00000010 is used")));
  fs::remove_all(directory_ / "checkpoints/step-00000030");
  testing::internal::CaptureStderr();
  resolve_model_directory(directory_.path());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(ResolveTest, SaysWhatIsNotThere) {
  const auto error = [&](const fs::path& path) {
    return test::error_text<core::IoError>([&] { resolve_model_directory(path); });
  };
  EXPECT_THAT(error(directory_ / "absent"), HasSubstr("got no such file or directory"));
  EXPECT_THAT(error(directory_ / "config.json"), HasSubstr("got a file"));
  fs::create_directories(directory_ / "empty/checkpoints");
  EXPECT_THAT(error(directory_ / "empty"), HasSubstr("a run without a complete checkpoint"));
  fs::remove(directory_ / "empty/checkpoints");
  EXPECT_THAT(error(directory_ / "empty"), HasSubstr("without config.json"));
}

}  // namespace
}  // namespace llm::convert
