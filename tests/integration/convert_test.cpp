// Oracle: the library on the same directories, and the command-line contract of docs/design.md
// section 8.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "llm/eval/documents.h"
#include "llm/eval/logits.h"
#include "llm/io/manifest.h"
#include "llm/io/safetensors.h"
#include "llm/tensor/device.h"
#include "support/model_directory.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CliConvert : public testing::Test {
 protected:
  void SetUp() override {
    tokenizer_ = test::tiny_tokenizer();
    test::save_tiny_model(dir_ / "hf", test::tiny_text_config(arch::Architecture::kQwen2),
                          tokenizer_.get(), {.max_shard_bytes = 20000});
  }
  test::Outcome run(const std::string& line) const { return test::run_shell(dir_.path(), line); }

  test::TempDirectory dir_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

TEST_F(CliConvert, ImportThenVerify) {
  const test::Outcome imported = run("llmconvert import --from hf --out ours --dtype bf16");
  EXPECT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("imported to"));
  EXPECT_TRUE(fs::exists(dir_ / "ours/model.safetensors"));
  EXPECT_FALSE(fs::exists(dir_ / "ours.partial"));

  const test::Outcome verified = run("llmconvert verify hf ours --json");
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(verified.json()["passed"], true);

  const test::Outcome again = run("llmconvert import --from hf --out ours");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--force"));
}

TEST_F(CliConvert, QuietPrintsTheVerdictAndWhatFailed) {
  const test::Outcome passed = run("llmconvert import -q --from hf --out ours");
  EXPECT_EQ(passed.exit_code, 0) << passed.err;
  EXPECT_THAT(passed.out, testing::MatchesRegex("The result is a faithful copy: [0-9]+ checks.\n"));
  EXPECT_GT(
      run("llmconvert import -q --json --from hf --out two").json()["verify"]["checks"].size(),
      10u);
  fs::copy(dir_ / "hf", dir_ / "other");
  test::patch_json(dir_ / "other/config.json", "rope_theta", 500000.0);
  const test::Outcome failed = run("llmconvert verify -q hf other");
  EXPECT_THAT(failed.out, HasSubstr("FAIL  config rope_theta"));
  EXPECT_THAT(failed.out, Not(HasSubstr("pass")));
}

TEST_F(CliConvert, AWarningOfTheSourceComesOnce) {
  test::patch_json(dir_ / "hf/config.json", "new_key", 1);
  dir_.file("hf/generation_config.json", R"({"temperature": -1, "top_k": 5})");
  const test::Outcome imported = run("llmconvert import --from hf --out ours");
  EXPECT_EQ(imported.exit_code, 0) << imported.out;
  const auto count = [&](const std::string& part) {
    int found = 0;
    for (size_t at = imported.err.find(part); at != std::string::npos;
         at = imported.err.find(part, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("new_key"), 1) << imported.err;
  EXPECT_EQ(count("temperature: expected a number >= 0, got -1; ignored"), 1) << imported.err;
  EXPECT_EQ(io::read_json_file(dir_ / "ours/generation_config.json").dump(), R"({"top_k":5})");
  EXPECT_EQ(io::read_json_file(dir_ / "ours/config.json")["new_key"], 1);
}

TEST_F(CliConvert, FoldersOfTheResultAreMade) {
  EXPECT_EQ(run("llmconvert export --model hf --to gguf --out a/b/m.gguf").exit_code, 0);
  EXPECT_TRUE(fs::exists(dir_ / "a/b/m.Modelfile"));
  const test::Outcome unknown = run("llmconvert export --model hf --to onnx --out c/m");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--to: expected one of gguf, hf, peft, got onnx"));
  EXPECT_FALSE(fs::exists(dir_ / "c"));
}

TEST_F(CliConvert, ToGgufAndBack) {
  const test::Outcome exported =
      run("llmconvert export --model hf --to gguf --dtype f32 --out m.gguf --json");
  EXPECT_EQ(exported.exit_code, 0) << exported.out << exported.err;
  EXPECT_EQ(exported.json()["passed"], true);
  EXPECT_EQ(run("llmconvert import --from m.gguf --out back").exit_code, 0);
  const test::Outcome verified = run("llmconvert verify hf back");
  EXPECT_EQ(verified.exit_code, 0) << verified.out;
  const test::Outcome said = run("llmchat --model m.gguf -p 'the cat' --temp 0 --max-tokens 5");
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_EQ(said.out, run("llmchat --model hf -p 'the cat' --temp 0 --max-tokens 5").out);
}

TEST_F(CliConvert, QuantisedExportsPassTheirGate) {
  for (const char* dtype : {"f16", "bf16", "q8_0", "q4_0", "q4_k_m"}) {
    const test::Outcome exported =
        run(std::string("llmconvert export --model hf --to gguf --force --out m.gguf --dtype ") +
            dtype);
    EXPECT_EQ(exported.exit_code, 0) << dtype << exported.out << exported.err;
  }
  EXPECT_EQ(run("llmconvert export --model hf --to gguf --dtype q9 --out n.gguf").exit_code, 2);
  EXPECT_EQ(run("llmconvert export --model hf --to hf --dtype q8_0 --out n").exit_code, 2);
  EXPECT_EQ(run("llmconvert export --model hf --to gguf --out m.gguf").exit_code, 2);
}

TEST_F(CliConvert, SizesOfShards) {
  const auto exported = [&](const std::string& flags) {
    return run("llmconvert export --model hf --force --out o " + flags).exit_code;
  };
  EXPECT_EQ(exported("--to hf --shard-size 30kB"), 0);
  EXPECT_TRUE(fs::exists(dir_ / "o/model.safetensors.index.json"));
  EXPECT_EQ(exported("--to hf --shard-size -5"), 2);
  EXPECT_EQ(exported("--to gguf --shard-size 5GB"), 2);
}

TEST_F(CliConvert, VerifyFailsWithATableThatNamesTheField) {
  fs::copy(dir_ / "hf", dir_ / "other");
  test::patch_json(dir_ / "other/config.json", "rope_theta", 500000.0);
  const test::Outcome verified = run("llmconvert verify hf other");
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.out, HasSubstr("FAIL  config rope_theta"));
  EXPECT_THAT(verified.out, HasSubstr("NOT a faithful copy"));
  const test::Outcome json = run("llmconvert verify hf other --json");
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(json.json()["passed"], false);
}

TEST_F(CliConvert, BadDirectoriesGiveOneErrorAndTheRightCode) {
  EXPECT_EQ(run("llmconvert import --from absent --out x").exit_code, 2);
  for (const auto& file : fs::directory_iterator(dir_ / "hf")) {
    if (file.path().extension() == ".safetensors") fs::resize_file(file.path(), 50);
  }
  const test::Outcome cut = run("llmconvert import --from hf --out x --json");
  EXPECT_EQ(cut.exit_code, 3);
  EXPECT_EQ(run("llmconvert verify hf hf").exit_code, 3);
  EXPECT_THAT(cut.err, StartsWith("llmconvert: error: "));
  EXPECT_EQ(cut.json()["error"]["exit_code"], 3);
  EXPECT_FALSE(fs::exists(dir_ / "x"));
  EXPECT_FALSE(fs::exists(dir_ / "x.partial"));
}

TEST_F(CliConvert, PplEqualsTheLibrary) {
  dir_.file("held.jsonl", R"({"text": "the cat sat on the mat"})"
                          "\n"
                          R"({"text": "고양이가 앉았다"})"
                          "\n");
  const test::Outcome ppl =
      run("llmeval ppl --model hf --input held.jsonl --context 8 --stride 4 --json --quiet");
  ASSERT_EQ(ppl.exit_code, 0) << ppl.err;
  const convert::LoadedModel loaded = convert::load_model(dir_ / "hf");
  eval::PerplexityScorer scorer(*loaded.model, {.context = 8, .stride = 4});
  for (const char* text : {"the cat sat on the mat", "고양이가 앉았다"}) {
    scorer.add(eval::make_document(*loaded.tokenizer, text, eval::Prefix::kAuto));
  }
  const eval::PerplexityResult expected = scorer.finish();
  EXPECT_NEAR(ppl.json()["nll_sum"].get<double>(), expected.nll, 1e-4);
  EXPECT_EQ(ppl.json()["tokens"], expected.num_tokens);
  EXPECT_EQ(ppl.json()["bytes"], 22 + 22);
  EXPECT_THAT(run("llmeval ppl --model hf --input held.jsonl").out, HasSubstr("bits per byte"));
  EXPECT_EQ(run("llmeval ppl --model hf --input absent.txt").exit_code, 2);
  EXPECT_EQ(run("llmeval ppl --model hf --input held.jsonl --context 4 --stride 5").exit_code, 2);
}

TEST_F(CliConvert, PplReadsStandardInput) {
  dir_.file("held.jsonl", "{\"text\": \"the cat sat\"}\n{\"text\": \"on the mat\"}\n");
  const test::Outcome file = run("llmeval ppl --model hf --input held.jsonl --json");
  const test::Outcome pipe =
      run("cat held.jsonl | llmeval ppl --model hf --input - --format jsonl --json");
  ASSERT_EQ(pipe.exit_code, 0) << pipe.err;
  EXPECT_EQ(pipe.json()["nll_sum"], file.json()["nll_sum"]);
  const test::Outcome text = run("cat held.jsonl | llmeval ppl --model hf --input - --json");
  EXPECT_EQ(text.json()["bytes"], 23 + 22 + 2);
}

TEST_F(CliConvert, PplRefusesIdsOfAnotherTokenizerAsData) {
  test::tiny_tokenizer(276)->save(dir_ / "tok");
  dir_.file("held.jsonl", "{\"text\": \"the cat sat\"}\n{\"text\": \"on the mat\"}\n");
  ASSERT_EQ(run("llmdata prepare --input held.jsonl --tokenizer tok --out data "
                "--validation-fraction 0.5")
                .exit_code,
            0);
  const test::Outcome ppl = run("llmeval ppl --model hf --input data");
  EXPECT_EQ(ppl.exit_code, 3);
  EXPECT_THAT(ppl.err, HasSubstr("expected ids of the model's tokenizer"));
}

TEST_F(CliConvert, AnOlderCheckpointIsUsedWithAWarning) {
  for (const char* name : {"step-00000010", "step-00000020"}) {
    const fs::path checkpoint = dir_ / "run/checkpoints" / name;
    fs::create_directories(checkpoint.parent_path());
    fs::copy(dir_ / "hf", checkpoint);
    io::write_manifest(checkpoint);
  }
  fs::remove(dir_ / "run/checkpoints/step-00000020/config.json");
  const test::Outcome logits = run("llmeval logits --model run --ids 1,2 --out l");
  EXPECT_EQ(logits.exit_code, 0);
  EXPECT_THAT(logits.err, HasSubstr("step-00000020 is incomplete or damaged and is left out; "
                                    "step-00000010 is used"));
}

TEST_F(CliConvert, LogitsEqualTheLibrary) {
  const test::Outcome logits =
      run("llmeval logits --model hf --ids 1,2,3 --out l.safetensors --json");
  ASSERT_EQ(logits.exit_code, 0) << logits.err;
  const io::SafetensorsFile file(dir_ / "l.safetensors");
  const convert::LoadedModel loaded = convert::load_model(dir_ / "hf");
  const at::Tensor expected = eval::sequence_logits(*loaded.model, {1, 2, 3});
  EXPECT_TRUE(at::allclose(tensor::view_of(file, *file.find("logits")), expected, 1e-5, 1e-5));
  EXPECT_EQ(run("llmeval logits --model hf --ids 1 --out l.safetensors").exit_code, 2);
  EXPECT_EQ(run("llmeval logits --model hf --ids 1 --out l.safetensors --force").exit_code, 0);
  EXPECT_EQ(run("llmeval logits --model hf --ids 1,x --out l").exit_code, 2);
  EXPECT_EQ(run("llmeval logits --model hf --ids 1,9999 --out l").exit_code, 3);
  EXPECT_FALSE(fs::exists(dir_ / "l"));
}

}  // namespace
}  // namespace llm
