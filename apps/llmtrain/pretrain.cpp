#include <fmt/format.h>

#include <memory>

#include "common/interrupt.h"
#include "common/progress.h"
#include "common/table.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/train/session.h"
#include "llmtrain/run_command.h"
#include "llmtrain/sweep.h"

namespace llm::apps {
namespace {

constexpr const char* kPretrainExamples =
    "  llmtrain pretrain --config configs/runs/quickstart.json --run-dir runs/first\n"
    "  llmtrain pretrain --config run.json --set optim.lr=1e-3 --set train.max_steps=500\n"
    "  llmtrain pretrain --config run.json --dry-run         check everything, train nothing\n"
    "  llmtrain pretrain --config run.json --ranks 4         four processes of this machine\n"
    "  mpirun -n 8 llmtrain pretrain --config run.json       the same on 8 ranks; also srun, "
    "torchrun\n"
    "Ctrl-C finishes the step, saves a checkpoint and exits with 130; the same command goes on "
    "from there.";

// Verifying large data takes a while.
void show_verification(Progress& progress, train::SessionOptions& session) {
  session.on_verify = [&progress](uint64_t done, uint64_t total) {
    check_interrupt();
    progress.update(done, total, core::format_bytes(total));
    if (done == total) progress.finish();
  };
}

io::OrderedJson check_json(const train::RunCheck& c) {
  return {{"dry_run", true},
          {"parameters", c.num_parameters},
          {"tokens_per_step", c.batch.tokens_per_step},
          {"total_steps", c.total_steps},
          {"first_step", c.first_step},
          {"resumes_from",
           c.resumes_from.empty() ? io::OrderedJson() : io::OrderedJson(c.resumes_from.string())},
          {"training_tokens", c.train_tokens},
          {"training_rows", c.train_rows},
          {"validation_rows", c.validation_rows}};
}

void print_check(const train::RunCheck& c) {
  using enum Align;
  Table table({kLeft, kLeft});
  table.add_row(
      {"model", core::format_count(static_cast<double>(c.num_parameters)) + " parameters"});
  table.add_row({"data", fmt::format("{} tokens, {} rows; {} rows for validation",
                                     core::format_count(static_cast<double>(c.train_tokens)),
                                     c.train_rows, c.validation_rows)});
  table.add_row(
      {"run", fmt::format("{} steps of {} tokens", c.total_steps, c.batch.tokens_per_step)});
  table.add_row({"starts", c.resumes_from.empty()
                               ? "from the beginning"
                               : fmt::format("after step {}, from {}", c.first_step,
                                             c.resumes_from.string())});
  fmt::print("{}everything is in place; nothing was trained\n", table.text());
}

void run_dry(const train::RunConfig& config, const train::SessionOptions& session,
             const GlobalOptions& global) {
  const train::RunCheck check = train::check_run(config, session);
  if (global.json) {
    fmt::print("{}\n", io::dump_json(check_json(check)));
  } else if (!global.quiet) {
    print_check(check);
  }
}

void run_pretrain(const RunOptions& options, const GlobalOptions& global) {
  Progress progress("verify data", global.shows_progress());
  if (!options.sweep.empty()) {
    return run_sweep(options, global,
                     [&](const core::ConfigNode& node, train::SessionOptions session) {
                       train::RunConfig config;
                       core::parse_config(node, config);
                       show_verification(progress, session);
                       return train::pretrain(config, session);
                     });
  }
  const auto config = options.config.read<train::RunConfig>();
  RankSession ranks = options.session(global);
  train::SessionOptions& session = ranks.options;
  show_verification(progress, session);
  core::log_debug("resolved config: {}",
                  io::dump_json(io::to_json(train::without_secrets(core::dump_config(config)))));
  if (options.dry_run) return run_dry(config, session, global);
  report_run(ranks.run([&] { return train::pretrain(config, session); }), session, global);
}

}  // namespace

void add_pretrain_command(Program& program) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& app =
      program.add_command("pretrain", "Train a model on prepared text", kPretrainExamples,
                          [options](const GlobalOptions& global) {
                            run_as_ranks(*options, global, [&] { run_pretrain(*options, global); });
                          });
  options->add_to(app, [] { return core::config_help(train::RunConfig{}); });
}

}  // namespace llm::apps
