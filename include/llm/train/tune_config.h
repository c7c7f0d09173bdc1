// The configuration of a tuning run (sft, orpo, dpo, simpo): one JSON file (`llmtrain sft
// --help-config` lists every key).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "llm/core/config.h"
#include "llm/corpus/example_encoder.h"
#include "llm/corpus/example_reader.h"
#include "llm/data/packing.h"
#include "llm/optim/adamw.h"
#include "llm/train/forgetting_gate.h"
#include "llm/train/run_sections.h"

namespace llm::train {

struct TuneModelSection {
  std::string path;
  std::string tokenizer;

  template <class V>
  void visit(V& v) {
    v.field("path", path, "model to start from: a directory, a run, or a .gguf file");
    v.field("tokenizer", tokenizer,
            "the model's with tokens added (llmtok extend), whose rows are trained; \"\": its own");
  }
};

struct TuneDataSection {
  std::vector<corpus::ExampleSource> train;
  std::vector<corpus::ExampleSource> validation;
  corpus::EncodeConfig encode;
  data::Packing packing = data::Packing::kBestFit;
  int64_t row_tokens = 0;
  int64_t packing_window = 4096;
  bool shuffle = true;
  bool share_prompts = true;
  std::string replay;
  double replay_fraction = 0;
  std::string cache;

  template <class V>
  void visit(V& v) {
    v.list("train", train, "what is trained on");
    v.list("validation", validation, "what is evaluated on; may be left out");
    encode.visit(v);
    v.field("packing", packing,
            "bfd: whole documents share a row; wrapped: documents are cut where a row is full; "
            "off: a row for each");
    v.field("row_tokens", row_tokens,
            "tokens of a packed row; 0: max_length, for pairs twice that (max_length 0: the "
            "longest)",
            core::between(0, kLargestCount));
    v.field("packing_window", packing_window, "samples that are packed together",
            core::at_least(1));
    v.field("shuffle", shuffle, "samples in a new random order every epoch; false: in file order");
    v.field("share_prompts", share_prompts,
            "pairs: a prompt that both answers share is computed once (not under dropout, nor on a "
            "GPU)");
    v.field("replay", replay,
            "folder that llmdata prepare wrote: plain text mixed in against forgetting (sft)");
    v.field("replay_fraction", replay_fraction, "its share of all tokens",
            core::between_open_high(0, 1));
    v.field("cache", cache, "where the tokenised examples lie; \"\": RUN/data");
  }
};

// kStored: as the file has it, quantised blocks included.
enum class BaseDtype { kFloat32, kBFloat16, kStored };
const std::vector<std::pair<BaseDtype, std::string>>& config_enum_names(BaseDtype);

// Another rank for some modules.
struct LoraRank {
  std::string modules;
  int64_t r = 8;

  template <class V>
  void visit(V& v) {
    v.field("modules", modules,
            "regular expression for the end of their names: layers.0.*, v_proj");
    v.field("r", r, "their rank", core::between(1, 65536));
  }
};

struct LoraSection {
  int64_t r = 0;
  double alpha = 16;
  double dropout = 0;
  bool rslora = false;
  std::vector<std::string> targets = {"all-linear"};
  std::vector<LoraRank> rank_pattern;
  std::vector<std::string> modules_to_save;
  std::string init_from;
  BaseDtype base_dtype = BaseDtype::kFloat32;

  bool has_dropout() const { return r > 0 && dropout > 0; }

  template <class V>
  void visit(V& v) {
    v.field("r", r, "rank of the adapter; 0: every weight is trained", core::between(0, 65536));
    v.field("alpha", alpha, "scale is alpha / r, with rslora alpha / sqrt(r)", core::more_than(0));
    v.field("dropout", dropout, "of the adapter's input, in training",
            core::between_open_high(0, 1));
    v.field("rslora", rslora, "rank-stabilised scale");
    v.field("targets", targets, "modules that get one: names such as q_proj, or all-linear");
    v.list("rank_pattern", rank_pattern, "modules with another rank, the first that fits counts");
    v.field("modules_to_save", modules_to_save,
            "trained whole beside it; the tables are where model.tokenizer adds tokens");
    v.field("init_from", init_from,
            "adapter to go on from, with the same r, alpha and targets; \"\": a new one");
    v.field("base_dtype", base_dtype,
            "how the frozen base is held in memory; stored: as its file has it");
  }
};

struct GateSection {
  std::vector<std::string> texts;
  int64_t max_tokens = 20000;
  double max_increase = 0.1;
  GateAction action = GateAction::kStop;

  template <class V>
  void visit(V& v) {
    v.field("texts", texts, "files of plain text the model shall not forget; none: no gate");
    v.field("max_tokens", max_tokens, "tokens of them that are scored at each evaluation",
            core::at_least(1));
    v.field("max_increase", max_increase,
            "of their perplexity over that before the run: 0.1 = 10 %", core::more_than(0));
    v.field("action", action, "what happens beyond it");
  }
};

struct TuneTrainSection : WorkSection {
  int64_t max_steps = 0;
  double epochs = 0;
  int64_t batch_rows = 8;
  int64_t micro_batch_rows = 1;

  template <class V>
  void visit(V& v) {
    v.field("max_steps", max_steps, "length of the run in steps; or set epochs", core::at_least(0));
    v.field("epochs", epochs, "length of the run in passes over the data", core::at_least(0));
    v.field("batch_rows", batch_rows, "rows per step, over all micro-batches and ranks",
            core::between(1, kLargestCount));
    v.field("micro_batch_rows", micro_batch_rows,
            "rows per forward and backward; memory grows with it", core::between(1, kLargestCount));
    WorkSection::visit(v);
  }
};

struct TuneEvalSection : EvalSection {
  bool at_start = true;
  std::string best_metric;

  TuneEvalSection() { every_steps = 50; }  // runs are short

  template <class V>
  void visit(V& v) {
    EvalSection::visit(v);
    v.field("at_start", at_start, "also before the first step: what the base model can do");
    v.field("best_metric", best_metric,
            "metric that decides which checkpoint is best; \"\": loss for sft, log_odds_ratio for "
            "orpo, rewards/accuracies for dpo and simpo");
  }
};

struct TuneConfig {
  TuneModelSection model;
  TuneDataSection data;
  LoraSection lora;
  optim::OptimConfig optim{.lr = 2e-5, .beta2 = 0.999, .weight_decay = 0};
  TuneTrainSection train;
  SpikeSection spikes;
  CheckpointSection checkpoint;
  TuneEvalSection eval;
  GateSection gate;
  LogSection log;
  DistSection dist;

  template <class V>
  void visit(V& v) {
    v.section("model", model, "what is tuned");
    v.section("data", data, "what it is tuned on");
    v.section("lora", lora, "a low-rank adapter instead of all weights");
    v.section("optim", optim, "AdamW, clipping, learning rate");
    v.section("train", train, "length and batch");
    v.section("spikes", spikes, "losses that leap");
    v.section("checkpoint", checkpoint, "what is kept");
    v.section("eval", eval, "validation");
    v.section("gate", gate, "what must not be forgotten");
    v.section("log", log, "metrics");
    v.section("dist", dist, "several ranks");
  }
};

struct SftConfig : TuneConfig {
  double neftune_alpha = 0;

  template <class V>
  void visit(V& v) {
    TuneConfig::visit(v);
    v.field("neftune_alpha", neftune_alpha, "noise on the embeddings in training; 0: none",
            core::at_least(0));
  }
};

// NLL over prompt and chosen answer, as TRL and the paper's code have it, or over the answer.
enum class NllScope { kFull, kCompletion };
const std::vector<std::pair<NllScope, std::string>>& config_enum_names(NllScope);

struct OrpoConfig : TuneConfig {
  double beta = 0.1;
  NllScope nll_scope = NllScope::kFull;

  template <class V>
  void visit(V& v) {
    TuneConfig::visit(v);
    v.field("beta", beta, "weight of the odds-ratio term (lambda in the paper)", core::at_least(0));
    v.field("nll_scope", nll_scope,
            "full: NLL of prompt and chosen answer; completion: of the "
            "answer alone");
  }
};

struct DpoConfig : TuneConfig {
  double beta = 0.1;

  template <class V>
  void visit(V& v) {
    TuneConfig::visit(v);
    v.field("beta", beta, "strength of the pull towards the reference", core::more_than(0));
  }
};

struct SimpoConfig : TuneConfig {
  double beta = 2.0;
  double gamma = 1.0;

  template <class V>
  void visit(V& v) {
    TuneConfig::visit(v);
    v.field("beta", beta, "scale of the rewards", core::more_than(0));
    v.field("gamma", gamma, "margin that the chosen answer shall have", core::at_least(0));
  }
};

using AnyTuneConfig = std::variant<SftConfig, OrpoConfig, DpoConfig, SimpoConfig>;

// Rules across fields, before anything is read. Throws: ConfigError naming the keys and the change
// that would help.
void validate(const TuneConfig& config);

}  // namespace llm::train
