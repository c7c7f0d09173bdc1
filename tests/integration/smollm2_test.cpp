// Oracle: SmolLM2-135M-Instruct as other programs run it: NumPy on the weights that `gguf` decodes,
// llama.cpp on the same weights in fp32, and llama.cpp's tokenizer.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "llm/convert/model_directory.h"
#include "llm/convert/model_source.h"
#include "llm/eval/logits.h"
#include "support/paths.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class SmolLm2 : public testing::Test {
 protected:
  void SetUp() override {
    gguf_ = test::deps_dir() / "models/SmolLM2-135M-Instruct.Q4_1.gguf";
    if (!fs::exists(gguf_))
      GTEST_SKIP() << "skipped: " << gguf_ << " is absent; scripts/get_model.sh smollm2 fetches it";
  }
  std::string reply_of(const fs::path& model, const std::string& question) {
    const test::Outcome said = test::run_shell(
        dir_.path(), "llmchat --temp 0 --model '" + model.string() + "' -p '" + question + "'");
    EXPECT_EQ(said.exit_code, 0) << said.err;
    return said.out;
  }

  fs::path gguf_;
  test::TempDirectory dir_;
};

TEST_F(SmolLm2, LogitsAndLikelihood) {
  const std::vector<int32_t> ids = {504, 3575, 282, 4649, 314, 7042,  28, 284,
                                    260, 3575, 282, 4521, 314, 11452, 30};
  const convert::LoadedModel loaded = convert::load_model(gguf_, {});
  const at::Tensor logits = eval::sequence_logits(*loaded.model, ids);  // [T, V]
  const at::Tensor after_is = logits[4];
  EXPECT_EQ(after_is.argmax().item<int64_t>(), 7042);
  const std::pair<int64_t, double> top[] = {
      {7042, 17.3713}, {260, 14.8886}, {4528, 13.2450}, {2250, 13.0095}, {1315, 12.9515}};
  for (const auto& [id, logit] : top) EXPECT_NEAR(after_is[id].item<double>(), logit, 2e-4) << id;

  const auto targets = at::tensor(std::vector<int64_t>(ids.begin() + 1, ids.end()));
  const at::Tensor losses = logits.slice(0, 0, -1).log_softmax(-1).gather(1, targets.unsqueeze(1));
  // With the other pairing of rotary dimensions it is 2.4466, and the text still reads well.
  EXPECT_NEAR(-losses.mean().item<double>(), 1.71536, 2e-5);
}

TEST_F(SmolLm2, TokenizerSplitsAsLlamaCpp) {
  const convert::ModelSource source = convert::open_model(gguf_, {.need_tokenizer = true});
  EXPECT_THAT(source.tokenizer->encode("  7"), ElementsAre(256, 39));
  EXPECT_THAT(source.tokenizer->encode("<|im_start|>user"),
              ElementsAre(44, 108, 306, 79, 3738, 108, 46, 4093));
  EXPECT_THAT(source.tokenizer->encode("<|im_start|>user", {.parse_special = true}),
              ElementsAre(1, 4093));
}

TEST_F(SmolLm2, LlmtokReadsTheTokenizerInTheFile) {
  const test::Outcome encoded = test::run_shell(
      dir_.path(), "printf '  7' | llmtok encode --tokenizer '" + gguf_.string() + "' --input -");
  EXPECT_EQ(encoded.out, "256 39\n") << encoded.err;
}

TEST_F(SmolLm2, AnswersTheSameInEveryFormat) {
  EXPECT_EQ(reply_of(gguf_, "What is the capital of France?"), "The capital of France is Paris.\n");
  EXPECT_EQ(reply_of(gguf_, "Hi"), "Hello! How can I assist you today?\n");

  const test::Outcome imported = test::run_shell(
      dir_.path(), "llmconvert import --from '" + gguf_.string() + "' --out hf --json");
  ASSERT_EQ(imported.exit_code, 0) << imported.out << imported.err;
  EXPECT_EQ(imported.json()["passed"], true);
  EXPECT_EQ(reply_of(dir_ / "hf", "Hi"), "Hello! How can I assist you today?\n");
}

TEST_F(SmolLm2, QuantisedExportFallsBackAsLlamaCpp) {
  const test::Outcome exported =
      test::run_shell(dir_.path(), "llmconvert export --model '" + gguf_.string() +
                                       "' --to gguf --dtype q4_k_m --out q.gguf --json");
  ASSERT_EQ(exported.exit_code, 0) << exported.out << exported.err;
  std::map<std::string, int> types;
  const convert::ModelSource source = convert::open_model(dir_ / "q.gguf", {});
  for (const auto& [name, tensor] : source.weights->tensors()) ++types[tensor.type];
  const std::map<std::string, int> expected = {
      {"Q5_0", 166}, {"Q4_K", 16}, {"Q8_0", 15}, {"Q6_K", 14}, {"F32", 61}};
  EXPECT_EQ(types, expected);
}

}  // namespace
}  // namespace llm
