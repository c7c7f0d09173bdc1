// Oracle: the uninterrupted run, bit for bit; the base model, byte for byte; and what a person must
// be able to read in a refusal.
#include "llm/train/tune_session.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/text/extend.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/tune_runs.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class TuneSession : public TuneRuns {
 protected:
  template <class Config>
  void expect_exact_resume(Config settings, const std::string& weights) {
    const RunSummary whole = train(settings, "whole");
    const RunSummary stopped = train(settings, "parts", 7);
    EXPECT_EQ(stopped.end, RunEnd::kInterrupted);
    EXPECT_EQ(stopped.state.step, 7);
    const RunSummary resumed = train(settings, "parts");
    EXPECT_EQ(resumed.first_step, 7);
    EXPECT_EQ(io::read_file(resumed.checkpoint / weights),
              io::read_file(whole.checkpoint / weights));
    EXPECT_EQ(metrics("parts"), metrics("whole"));
    EXPECT_EQ(eval_samples("parts"), eval_samples("whole"));
  }

  template <class E, class Config>
  std::string refusal(const Config& settings) {
    return test::error_text<E>([&] { train(settings, "refused"); });
  }
};

TEST_F(TuneSession, AResumedRunIsTheUninterruptedOne) {
  expect_exact_resume(config<SftConfig>(0), "model.safetensors");
}

TEST_F(TuneSession, AResumedAdapterWithNoiseIsTheUninterruptedOne) {
  auto settings = config<SftConfig>();
  settings.lora.dropout = 0.2;
  settings.neftune_alpha = 5;
  expect_exact_resume(settings, convert::kAdapterWeightsName);
}

TEST_F(TuneSession, AResumedPreferenceRunIsTheUninterruptedOne) {
  expect_exact_resume(config<OrpoConfig>(), convert::kAdapterWeightsName);
}

TEST_F(TuneSession, AResumedDpoRunKeepsItsReference) {
  expect_exact_resume(config<DpoConfig>(0), "model.safetensors");
  const fs::path file = folder_.path() / "parts/data/reference.json";
  std::ofstream(file) << R"({"data_fingerprint": "0", "logprobs": []})";
  EXPECT_THAT(test::error_text<core::FormatError>([&] { train(config<DpoConfig>(0), "parts"); }),
              HasSubstr("those of other data"));
}

TEST_F(TuneSession, TuningLowersTheHeldOutLoss) {
  const RunSummary sft = train(config<SftConfig>(), "sft");
  EXPECT_EQ(sft.end, RunEnd::kCompleted);
  const auto records = metrics("sft");
  EXPECT_EQ(records.front().at("step"), 0);
  EXPECT_LT(*sft.last_eval_loss, records.front().at("eval_loss").get<double>());
  ASSERT_TRUE(sft.change);
  EXPECT_EQ(sft.change->to_step, 12);
  EXPECT_EQ(sft.change->nll.num_samples, 8);
  EXPECT_NEAR(sft.change->nll.before, records.front().at("eval_loss").get<double>(), 1e-9);
  EXPECT_NEAR(sft.change->nll.after, *sft.last_eval_loss, 1e-9);
  EXPECT_FALSE(sft.change->pairs);

  std::ofstream(folder_.path() / "sft/eval_samples.jsonl", std::ios::app) << "{\"step\": 12}\n";
  EXPECT_THAT(test::error_text<core::FormatError>([&] { train(config<SftConfig>(), "sft"); }),
              HasSubstr("eval_samples.jsonl:25: expected a line"));

  const RunSummary orpo = train(config<OrpoConfig>(), "orpo");
  const auto evaluations = metrics("orpo");
  ASSERT_TRUE(orpo.change && orpo.change->pairs);
  const auto& pairs = *orpo.change->pairs;
  EXPECT_NEAR(pairs.margin.before, evaluations.front().at("eval_logps/margins").get<double>(),
              1e-9);
  EXPECT_NEAR(pairs.margin.after, evaluations.back().at("eval_logps/margins").get<double>(), 1e-9);
  EXPECT_NEAR(pairs.accuracy.after, evaluations.back().at("eval_rewards/accuracies").get<double>(),
              1e-9);
  EXPECT_NEAR(pairs.accuracy.change * 8, pairs.gained - pairs.lost, 1e-9);
  EXPECT_GT(evaluations.back().at("eval_logps/margins").get<double>(),
            evaluations.front().at("eval_logps/margins").get<double>());
  EXPECT_TRUE(evaluations.back().contains("eval_nll_drift"));
}

TEST_F(TuneSession, AnAdapterCheckpointIsAModelForEveryCommand) {
  const RunSummary summary = train(config<SftConfig>(), "run");
  const auto source = convert::open_model(folder_.path() / "run");
  ASSERT_TRUE(source.adapter);
  EXPECT_EQ(source.path, summary.checkpoint);
  EXPECT_FALSE(source.chat_template.empty());
  // Read back and merged it computes what the run evaluated.
  auto settings = config<SftConfig>(0);
  settings.model.path = (folder_.path() / "run").string();
  train(settings, "again", 1);
  EXPECT_NEAR(metrics("again").front().at("eval_loss").get<double>(), *summary.last_eval_loss,
              1e-5);
}

TEST_F(TuneSession, PackingDoesNotChangeTheEvaluation) {
  std::vector<double> losses;
  for (const auto packing : {data::Packing::kBestFit, data::Packing::kOff}) {
    auto settings = config<SftConfig>();
    settings.data.packing = packing;
    const std::string run = packing == data::Packing::kOff ? "off" : "bfd";
    train(settings, run, 1);
    losses.push_back(metrics(run).front().at("eval_loss"));
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-5);
}

TEST_F(TuneSession, TheGateStopsARunThatForgets) {
  auto settings = config<SftConfig>();
  settings.gate.texts = {"texts"};
  settings.eval.every_steps = 2;
  double perplexity = 10;
  TuneHooks hooks;
  hooks.perplexity = [&](nn::CausalLM&, const text::Tokenizer&, const GateSection&) {
    return perplexity *= 1.04;
  };
  const RunSummary summary = train(settings, "gated", 0, hooks);
  EXPECT_EQ(summary.end, RunEnd::kStoppedByGate);
  EXPECT_EQ(summary.state.step, 6);  // 1.04 cubed is above 1.1
  EXPECT_EQ(train(settings, "gated", 0, hooks).state.step, 6);
  settings.gate.action = GateAction::kWarn;
  EXPECT_EQ(train(settings, "warned", 0, hooks).end, RunEnd::kCompleted);
}

TEST_F(TuneSession, ChangedDataOrSettingsAreRefusedOnResume) {
  auto settings = config<SftConfig>();
  train(settings, "refused", 7);
  auto other = settings;
  other.lora.alpha = 64;
  EXPECT_THAT(refusal<core::ConfigError>(other), HasSubstr("lora.alpha"));
  write_rows(folder_.path() / "train.jsonl", 1, 41, dialogue);
  EXPECT_THAT(refusal<core::DataError>(settings), HasSubstr("the data it was trained on"));
}

TEST_F(TuneSession, BadSettingsSayWhatToChange) {
  auto settings = config<SftConfig>();
  settings.lora.targets = {"no_such_proj"};
  EXPECT_THAT(refusal<core::ConfigError>(settings), HasSubstr("no_such_proj"));
  settings = config<SftConfig>();
  settings.data.train.clear();
  EXPECT_THAT(refusal<core::ConfigError>(settings), HasSubstr("data.train"));
  settings = config<SftConfig>();
  settings.train.batch_rows = 3;
  settings.train.micro_batch_rows = 2;
  EXPECT_THAT(refusal<core::ConfigError>(settings), HasSubstr("micro_batch_rows"));
  settings = config<SftConfig>();
  settings.eval.best_metric = "acuracy";
  EXPECT_THAT(refusal<core::ConfigError>(settings), HasSubstr("mean_token_accuracy"));
  settings = config<SftConfig>();
  settings.data.train = {source("pairs.jsonl")};
  EXPECT_THAT(refusal<core::DataError>(settings), HasSubstr("orpo"));
  auto orpo = config<OrpoConfig>();
  orpo.data.train = {source("train.jsonl")};
  EXPECT_THAT(refusal<core::DataError>(orpo), HasSubstr("sft"));
}

TEST_F(TuneSession, ABaseInHalfPrecisionTrainsAlmostAlike) {
  std::vector<double> losses;
  for (const auto dtype : {BaseDtype::kFloat32, BaseDtype::kBFloat16, BaseDtype::kStored}) {
    auto settings = config<SftConfig>();
    settings.lora.base_dtype = dtype;
    losses.push_back(*train(settings, "run" + std::to_string(losses.size())).last_eval_loss);
  }
  EXPECT_NEAR(losses[1], losses[0], 0.02);
  EXPECT_EQ(losses[2], losses[0]);  // the file is fp32
}

// Rows that a tokenizer added are new, all others those of the base; checkpoints open with them.
TEST_F(TuneSession, AnExtendedVocabularyIsTrained) {
  for (const char* head : {"tied", "untied"}) {
    for (const int64_t rank : {0, 4}) {
      SCOPED_TRACE(std::string(head) + " " + std::to_string(rank));
      auto settings = config<SftConfig>(rank);
      settings.model.path = (test::source_dir() / "tests/golden/trl" / head).string();
      const auto own = text::load_tokenizer(settings.model.path);
      const fs::path extended = folder_.path() / "extended";
      text::extend_tokenizer(*own, {.special = {"<|call|>"}, .plain = {"What is"}})->save(extended);
      settings.model.tokenizer = extended.string();
      const std::string run = std::string(head) + std::to_string(rank);
      const RunSummary stopped = train(settings, run, 7);
      const RunSummary summary = train(settings, run);
      EXPECT_EQ(summary.first_step, 7);
      EXPECT_LT(summary.change->nll.after, summary.change->nll.before);

      const auto source = convert::open_model(summary.checkpoint);
      EXPECT_EQ(source.tokenizer->vocab_size(), own->vocab_size() + 2);
      EXPECT_EQ(source.config.vocab_size, own->vocab_size() + 2);
      EXPECT_EQ(source.config.tie_word_embeddings, std::string(head) == "tied");
      const auto base = convert::open_model(settings.model.path);
      const at::Tensor before = base.weights->read(arch::kEmbeddingName).mean(0);  // [D]
      const at::Tensor after = source.weights->read(arch::kEmbeddingName);         // [V + 2, D]
      const at::Tensor used = after[own->vocab_size() + 1];
      EXPECT_FALSE(at::allclose(used, before, 1e-3, 1e-3)) << "a row that rows use is trained";
      EXPECT_TRUE(at::allclose(used, before, 1, 0.2)) << "and began as the mean of the others";
    }
  }
}

TEST_F(TuneSession, ATokenizerThatIsNoExtensionIsRefused) {
  auto settings = config<SftConfig>();
  settings.model.tokenizer = (test::source_dir() / "tests/golden/tokenizers/qwen2.json").string();
  EXPECT_THAT(refusal<core::ConfigError>(settings),
              AllOf(HasSubstr("model.tokenizer"), HasSubstr("llmtok extend")));
  EXPECT_FALSE(fs::exists(folder_.path() / "refused")) << "a refused run leaves nothing behind";
}

TEST_F(TuneSession, AnAdapterGoesOnFromAnother) {
  const RunSummary first = train(config<SftConfig>(), "first");
  auto settings = config<OrpoConfig>();
  settings.lora.init_from = (folder_.path() / "first").string();
  EXPECT_EQ(train(settings, "second").end, RunEnd::kCompleted);
  settings.lora.alpha = 3;
  EXPECT_THAT(refusal<core::ConfigError>(settings), HasSubstr("adapter_config.json"));
}

}  // namespace
}  // namespace llm::train
