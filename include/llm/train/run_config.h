// The configuration of a training run: one JSON file (`llmtrain pretrain --help-config` lists every
// key).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/nn/causal_lm.h"
#include "llm/optim/adamw.h"
#include "llm/train/loop_config.h"
#include "llm/train/run_sections.h"

namespace llm::train {

struct ModelSection {
  std::string config;     // a config.json: a new model
  std::string init_from;  // a model directory: start from its weights
  bool scale_residual_init = true;

  template <class V>
  void visit(V& v) {
    v.field("config", config,
            "Hugging Face config.json of a new model (vocab_size is taken from the tokenizer)");
    v.field("init_from", init_from,
            "model directory whose weights the run starts from, instead of config");
    v.field("scale_residual_init", scale_residual_init,
            "o_proj and down_proj start with std / sqrt(2 * layers), as GPT-2 does");
  }
};

struct DataSection {
  std::string path;
  std::string tokenizer;
  int64_t context_length = 512;
  bool shuffle = true;

  template <class V>
  void visit(V& v) {
    v.field("path", path, "folder that llmdata prepare wrote");
    v.field("tokenizer", tokenizer, "tokenizer of the run; empty: the copy that lies in data.path");
    v.field("context_length", context_length, "tokens per row", core::between(1, kLargestCount));
    v.field("shuffle", shuffle, "rows in a new random order every epoch; false: in file order");
  }
};

struct TrainSection : WorkSection {
  int64_t max_steps = 0;
  int64_t max_tokens = 0;
  double epochs = 0;
  int64_t batch_tokens = 16384;
  int64_t micro_batch_rows = 4;

  template <class V>
  void visit(V& v) {
    v.field("max_steps", max_steps, "length of the run in steps; or set max_tokens or epochs",
            core::at_least(0));
    v.field("max_tokens", max_tokens, "length of the run in tokens", core::at_least(0));
    v.field("epochs", epochs, "length of the run in passes over the data", core::at_least(0));
    v.field("batch_tokens", batch_tokens, "tokens per step, over all micro-batches and ranks",
            core::between(1, 0x1p50));
    v.field("micro_batch_rows", micro_batch_rows,
            "rows per forward and backward; memory grows with it", core::between(1, kLargestCount));
    WorkSection::visit(v);
  }
};

struct RunConfig {
  ModelSection model;
  DataSection data;
  optim::OptimConfig optim;
  TrainSection train;
  SpikeSection spikes;
  CheckpointSection checkpoint;
  EvalSection eval;
  LogSection log;
  DistSection dist;

  template <class V>
  void visit(V& v) {
    v.section("model", model, "what is trained");
    v.section("data", data, "what it is trained on");
    v.section("optim", optim, "AdamW, clipping, learning rate");
    v.section("train", train, "length and batch");
    v.section("spikes", spikes, "losses that leap");
    v.section("checkpoint", checkpoint, "what is kept");
    v.section("eval", eval, "validation");
    v.section("log", log, "metrics");
    v.section("dist", dist, "several ranks");
  }
};

// Rules across fields, before anything is allocated. Throws: ConfigError naming the keys and the
// change that would help.
void validate(const RunConfig& config);

// What a batch of `batch_tokens` means, whatever the number of ranks.
struct BatchPlan {
  int64_t rows_per_step = 0;
  int64_t micro_batches = 0;  // per step; ranks deal them among themselves
  int64_t tokens_per_step = 0;
};
// Throws: ConfigError when the tokens do not divide, with the nearest values that do, or when a
// micro-batch holds 2^31 tokens or more.
BatchPlan plan_batch(const RunConfig& config);

LoopConfig loop_config(const RunConfig& config, const BatchPlan& batch);

// `num_rows` of the training data; 0: unknown. Requires: validate(config) passes. Throws:
// ConfigError for epochs of unknown data, and for a run of more than 2^60 tokens.
int64_t total_steps(const RunConfig& config, const BatchPlan& batch, int64_t num_rows);

// Keys a resumed run may not change, and keys it may with a notice; everything else is free.
struct ResumeDifferences {
  std::vector<core::ConfigDifference> refused;
  std::vector<core::ConfigDifference> noted;
};
ResumeDifferences compare_for_resume(const core::ConfigNode& saved, const core::ConfigNode& now);

}  // namespace llm::train
