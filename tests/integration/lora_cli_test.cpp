// Oracle: the library on the same directories, and the command-line contract of docs/design.md
// section 8.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/lora_adapter.h"
#include "llm/text/chat_template.h"
#include "support/model_directory.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class CliLora : public testing::Test {
 protected:
  void SetUp() override {
    const auto tokenizer = test::tiny_tokenizer();
    const arch::ModelConfig base = test::tiny_text_config(arch::Architecture::kQwen3);
    test::save_tiny_model(dir_ / "base", base, tokenizer.get(), {.dtype = at::kBFloat16});
    dir_.file("base/chat_template.jinja", text::jinja_of("chatml"));
    arch::LoraConfig config;
    config.target_modules.pattern = arch::kAllLinear;
    config.base_model_name_or_path = "../base";
    at::manual_seed(5);
    convert::save_adapter(
        dir_ / "adapter",
        {.config = config,
         .tensors = convert::adapter_tensors(arch::lora_layout(config, base, "test")),
         .values = [&](const std::string& name) {
           const bool is_a = name.find("lora_A") != std::string::npos;
           return at::randn(shape_of(config, base, name)) * (is_a ? 0.1 : 0.05);
         }});
  }
  static std::vector<int64_t> shape_of(const arch::LoraConfig& config,
                                       const arch::ModelConfig& base, const std::string& name) {
    for (const auto& tensor : convert::adapter_tensors(arch::lora_layout(config, base, "test")))
      if (tensor.name == name) return tensor.shape;
    return {};
  }
  test::Outcome run(const std::string& line) const { return test::run_shell(dir_.path(), line); }
  std::string reply(const std::string& model) const {
    const test::Outcome said =
        run("llmchat --model " + model + " -p 'the cat' --temp 0 --max-tokens 8");
    EXPECT_EQ(said.exit_code, 0) << said.err;
    return said.out;
  }

  test::TempDirectory dir_;
};

TEST_F(CliLora, MergeMakesTheModelThatTheAdapterIs) {
  const test::Outcome merged =
      run("llmconvert merge --model adapter --out merged --dtype f32 --json");
  ASSERT_EQ(merged.exit_code, 0) << merged.out << merged.err;
  EXPECT_EQ(merged.json()["passed"], true);
  EXPECT_EQ(merged.json()["adapted"].size(), 14u);
  EXPECT_EQ(merged.json()["adapted"][0]["rank"], 8);
  EXPECT_EQ(run("llmconvert verify adapter merged").exit_code, 0);
  EXPECT_EQ(run("llmconvert verify base merged").exit_code, 1);
  EXPECT_EQ(reply("merged"), reply("adapter"));
  EXPECT_NE(reply("merged"), reply("base"));
}

TEST_F(CliLora, MergeKeepsTheBasesDtypeAndSaysWhatItDid) {
  const test::Outcome merged = run("llmconvert merge --model adapter --out merged");
  ASSERT_EQ(merged.exit_code, 0) << merged.out << merged.err;
  EXPECT_THAT(merged.out, AllOf(HasSubstr("merged to"), HasSubstr("self_attn.q_proj"),
                                HasSubstr("largest |dW|/|W|"), HasSubstr("BF16")));
  EXPECT_EQ(convert::open_model(dir_ / "merged").config.dtype, "bfloat16");
  EXPECT_EQ(run("llmconvert merge --model adapter --out merged").exit_code, 2);
  EXPECT_EQ(run("llmconvert merge --model adapter --out merged --force").exit_code, 0);
}

TEST_F(CliLora, GgufOfAnAdapterIsTheMergedModel) {
  const test::Outcome made =
      run("llmconvert merge --model adapter --to gguf --dtype f32 --out m.gguf --json");
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  EXPECT_EQ(reply("m.gguf"), reply("adapter"));
  EXPECT_THAT(made.json()["modelfile"].get<std::string>(), HasSubstr("m.Modelfile"));
  EXPECT_THAT(test::read_bytes(dir_ / "m.Modelfile"),
              AllOf(HasSubstr("FROM ./m.gguf"), HasSubstr("TEMPLATE \"\"\"")));
  EXPECT_EQ(run("llmconvert export --model adapter --to gguf --dtype f32 --out n.gguf").exit_code,
            0);
  EXPECT_EQ(test::read_bytes(dir_ / "n.Modelfile").find("m.gguf"), std::string::npos);
}

TEST_F(CliLora, ExportToPeftKeepsTheAdapter) {
  const test::Outcome made = run("llmconvert export --model adapter --to peft --out copy");
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  EXPECT_EQ(reply("copy"), reply("adapter"));
  const test::Outcome half =
      run("llmconvert export --model adapter --to peft --dtype bf16 --out half --json");
  EXPECT_EQ(half.exit_code, 0) << half.out << half.err;
  EXPECT_EQ(run("llmconvert export --model adapter --to peft --dtype q8_0 --out x").exit_code, 2);
  const test::Outcome whole = run("llmconvert export --model base --to peft --out x");
  EXPECT_EQ(whole.exit_code, 2);
  EXPECT_THAT(whole.err, AllOf(HasSubstr("--model: expected an adapter directory"),
                               HasSubstr("a whole model")));
  EXPECT_FALSE(fs::exists(dir_ / "x"));
  EXPECT_FALSE(fs::exists(dir_ / "x.partial"));
}

TEST_F(CliLora, TheBaseMayBeGiven) {
  fs::rename(dir_ / "base", dir_ / "elsewhere");
  const test::Outcome lost = run("llmconvert merge --model adapter --out merged");
  EXPECT_EQ(lost.exit_code, 2);
  EXPECT_THAT(lost.err, AllOf(HasSubstr("base_model_name_or_path"), HasSubstr("--base")));
  EXPECT_EQ(run("llmconvert merge --model adapter --base elsewhere --out merged").exit_code, 0);
  EXPECT_EQ(run("llmconvert verify adapter merged --base elsewhere").exit_code, 0);
  EXPECT_EQ(
      run("llmconvert export --model adapter --to peft --base elsewhere --out copy").exit_code, 0);
  EXPECT_EQ(run("llmconvert verify copy merged").exit_code, 0);  // it knows its base
  EXPECT_EQ(run("llmconvert verify merged merged --base elsewhere").exit_code, 2);
  const test::Outcome whole = run("llmconvert merge --model elsewhere --out x");
  EXPECT_EQ(whole.exit_code, 2);
  EXPECT_THAT(whole.err, HasSubstr("expected an adapter directory"));
}

TEST_F(CliLora, AModelfileIsReplacedOnlyWithForce) {
  dir_.file("m.Modelfile", "mine");
  const test::Outcome refused = run("llmconvert export --model base --to gguf --out m.gguf");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("m.Modelfile, which exists"));
  EXPECT_EQ(test::read_bytes(dir_ / "m.Modelfile"), "mine");
  EXPECT_EQ(run("llmconvert export --model base --to gguf --out m.gguf --force").exit_code, 0);
  EXPECT_THAT(test::read_bytes(dir_ / "m.Modelfile"), HasSubstr("PARAMETER stop"));
}

TEST_F(CliLora, ADamagedAdapterIsAFormatError) {
  fs::resize_file(dir_ / "adapter/adapter_model.safetensors", 100);
  const test::Outcome cut = run("llmconvert merge --model adapter --out merged");
  EXPECT_EQ(cut.exit_code, 3);
  EXPECT_FALSE(fs::exists(dir_ / "merged.partial"));
}

}  // namespace
}  // namespace llm
