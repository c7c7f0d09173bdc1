// Oracle: pairs of directories that differ in exactly one known way; the check that must notice it
// is named.
#include "llm/eval/verify.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "llm/core/error.h"
#include "llm/text/tokenizer.h"
#include "support/error_text.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::eval {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> failed_checks(const VerifyReport& report) {
  std::vector<std::string> checks;
  for (const VerifyRow& row : report.rows) {
    if (row.verdict == Verdict::kFail) checks.push_back(row.check);
  }
  return checks;
}

const VerifyRow& row_of(const VerifyReport& report, const std::string& check) {
  static const VerifyRow kNone;
  for (const VerifyRow& row : report.rows) {
    if (row.check == check) return row;
  }
  ADD_FAILURE() << "no row " << check;
  return kNone;
}

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    tokenizer_ = test::tiny_tokenizer();
    save("a", test::tiny_text_config());
  }
  using Change = std::function<void(tensor::ParameterStore&)>;
  void save(const std::string& name, const arch::ModelConfig& config, const Change& change = {},
            const convert::SaveOptions& options = {}) {
    const test::TinyModel tiny = test::make_tiny_model(config);
    const at::NoGradGuard no_grad;
    if (change) change(*tiny.store);
    convert::save_model(directory_ / name, config, *tiny.store, tokenizer_.get(), {}, "", options);
  }
  VerifyReport verify() const { return verify_models(directory_ / "a", directory_ / "b"); }

  test::TempDirectory directory_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

TEST_F(VerifyTest, ACopyPassesEveryCheck) {
  save("b", test::tiny_text_config(), {}, {.max_shard_bytes = 20000});
  const VerifyReport report = verify();
  EXPECT_THAT(failed_checks(report), IsEmpty());
  EXPECT_EQ(row_of(report, "logits on fixed prompts").result, "max difference 0");
  EXPECT_TRUE(to_json(report)["passed"]);
}

TEST_F(VerifyTest, ARoundedCopyPassesAndShowsWhatRoundingCost) {
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    save("b", test::tiny_text_config(), {}, {.dtype = dtype});
    const VerifyReport report = verify();
    EXPECT_THAT(failed_checks(report), IsEmpty());
    EXPECT_NE(row_of(report, "effect of the dtype on logits").result, "max difference 0");
  }
}

TEST_F(VerifyTest, AWrongRoundingIsNoticed) {
  // Truncated instead of rounded to nearest.
  save("b", test::tiny_text_config(),
       [](tensor::ParameterStore& store) {
         at::Tensor weight = store.weight("model.layers.0.mlp.up_proj.weight");
         weight.view(at::kInt).bitwise_and_(static_cast<int64_t>(0xFFFF0000u) - (int64_t{1} << 32));
       },
       {.dtype = at::kBFloat16});
  EXPECT_THAT(failed_checks(verify()), Contains("tensor values"));
}

TEST_F(VerifyTest, OneChangedNumberIsNoticedByName) {
  save("b", test::tiny_text_config(), [](tensor::ParameterStore& store) {
    store.weight("model.layers.1.mlp.down_proj.weight")[7][3] += 1e-3;
  });
  const VerifyReport report = verify();
  EXPECT_THAT(failed_checks(report), Contains("tensor values"));
  EXPECT_THAT(row_of(report, "tensor values").note,
              HasSubstr("model.layers.1.mlp.down_proj.weight differs by up to 0.001"));
}

TEST_F(VerifyTest, WeightsThatAreNotFiniteAreCountedByTensor) {
  const Change spoil = [](tensor::ParameterStore& store) {
    at::Tensor weight = store.weight("model.layers.1.mlp.up_proj.weight");
    weight[0].slice(0, 0, 3).fill_(std::numeric_limits<float>::quiet_NaN());
    weight[5][1] = std::numeric_limits<float>::infinity();
    store.weight("model.norm.weight")[2] = -std::numeric_limits<float>::infinity();
  };
  save("b", test::tiny_text_config(), spoil);
  EXPECT_THAT(failed_checks(verify()), Contains("finite values"));
  save("a", test::tiny_text_config(), spoil);
  const VerifyReport report = verify();
  EXPECT_THAT(failed_checks(report), ElementsAre("finite values", "logits on fixed prompts"));
  const VerifyRow& row = row_of(report, "finite values");
  EXPECT_EQ(row.source, "all but 3 NaN, 2 infinite");
  EXPECT_THAT(row.note, HasSubstr("model.layers.1.mlp.up_proj.weight: 3 NaN, 1 infinite"));
  EXPECT_THAT(row.note, HasSubstr("model.norm.weight: 1 infinite"));
  EXPECT_THAT(row.note, HasSubstr("fetch it again"));
  EXPECT_EQ(row_of(report, "tensor values").verdict, Verdict::kPass);
}

TEST_F(VerifyTest, AValueBeyondTheResultsTypeIsNoticed) {
  const Change enlarge = [](tensor::ParameterStore& store) {
    store.weight("model.norm.weight")[2] = 1e5;
  };
  save("a", test::tiny_text_config(), enlarge);
  save("b", test::tiny_text_config(), enlarge, {.dtype = at::kHalf});
  const VerifyReport report = verify();
  EXPECT_EQ(row_of(report, "finite values").source, "all");
  EXPECT_THAT(row_of(report, "finite values").note,
              HasSubstr("model.norm.weight: 1 infinite. The result's type cannot hold"));
}

TEST_F(VerifyTest, PermutedQueryAndKeyRowsAreNoticed) {
  save("b", test::tiny_text_config(), [](tensor::ParameterStore& store) {
    for (const char* name : {"q_proj", "k_proj"}) {
      at::Tensor weight = store.weight(std::string("model.layers.0.self_attn.") + name + ".weight");
      // Half-split to interleaved rotary order: heads keep their rows in another order.
      const int64_t heads = weight.size(0) / 8;
      weight.copy_(weight.view({heads, 2, 4, 32}).transpose(1, 2).reshape({heads * 8, 32}).clone());
    }
  });
  const auto failed = failed_checks(verify());
  EXPECT_THAT(failed, Contains("tensor values"));
  EXPECT_THAT(failed, Contains("logits on fixed prompts"));
}

TEST_F(VerifyTest, ChangedConfigFieldsAreNoticed) {
  const std::vector<std::pair<std::string, std::function<void(arch::ModelConfig&)>>> changes = {
      {"rms_norm_eps", [](auto& config) { config.rms_norm_eps = 1e-5; }},
      {"rope_theta", [](auto& config) { config.rope.theta = 500000; }},
      {"max_position_embeddings", [](auto& config) { config.max_position_embeddings = 128; }},
      {"rope_scaling",
       [](auto& config) {
         config.rope.type = arch::RopeType::kLinear;
         config.rope.factor = 2;
       }},
      {"eos_token_id", [](auto& config) { config.eos_token_ids = {5}; }}};
  for (const auto& [key, change] : changes) {
    arch::ModelConfig config = test::tiny_text_config();
    change(config);
    fs::remove_all(directory_ / "b");
    save("b", config);
    EXPECT_THAT(failed_checks(verify()), Contains("config " + key));
  }
}

TEST_F(VerifyTest, AnUntiedHeadIsNoticedEvenWithEqualValues) {
  save("b", test::tiny_text_config(arch::Architecture::kLlama, /*tied=*/false),
       [](tensor::ParameterStore& store) {
         store.weight("lm_head.weight").copy_(store.weight("model.embed_tokens.weight"));
       });
  const auto failed = failed_checks(verify());
  EXPECT_THAT(failed, Contains("config tie_word_embeddings"));
  EXPECT_THAT(failed, Contains("parameters"));
}

TEST_F(VerifyTest, AnotherTokenizerIsNoticed) {
  tokenizer_ = test::tiny_tokenizer(276);
  save("b", test::tiny_text_config());
  const auto failed = failed_checks(verify());
  EXPECT_THAT(failed, Contains("tokenizer fingerprint"));
  EXPECT_THAT(failed, Contains("tokenizer ids on fixed texts"));
}

TEST_F(VerifyTest, ASmallerModelUnderTheSameNameIsNoticed) {
  arch::ModelConfig config = test::tiny_text_config();
  config.num_hidden_layers = 1;
  save("b", config);
  const auto failed = failed_checks(verify());
  EXPECT_THAT(failed, Contains("config num_hidden_layers"));
  EXPECT_THAT(failed, Contains("parameters"));
  EXPECT_THAT(failed, Contains("tensor values"));
}

TEST_F(VerifyTest, MissingTensorsAreNoticed) {
  save("b", test::tiny_text_config());
  test::patch_json(directory_ / "b/config.json", "num_hidden_layers", 3);
  const VerifyReport report = verify();
  EXPECT_THAT(row_of(report, "tensor names and shapes").result, HasSubstr("9 missing"));
  EXPECT_THAT(failed_checks(report), Contains("logits on fixed prompts"));
}

TEST_F(VerifyTest, ADtypeThatContradictsTheConfigIsNoticed) {
  save("b", test::tiny_text_config());
  test::patch_json(directory_ / "b/config.json", "torch_dtype", "float16");
  EXPECT_THAT(failed_checks(verify()), ElementsAre("stored types", "file size"));
}

TEST_F(VerifyTest, AnUnreadableModelIsAnErrorOnEitherSide) {
  save("b", test::tiny_text_config());
  fs::resize_file(directory_ / "b/model.safetensors", 1000);
  const auto error = [&](const char* source, const char* result) {
    return test::error_text<core::FormatError>(
        [&] { verify_models(directory_ / source, directory_ / result); });
  };
  EXPECT_THAT(error("a", "b"), HasSubstr("b/model.safetensors"));
  EXPECT_THAT(error("b", "a"), HasSubstr("b/model.safetensors"));
}

}  // namespace
}  // namespace llm::eval
