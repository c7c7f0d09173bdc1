#include <fmt/format.h>

#include <memory>

#include "common/interrupt.h"
#include "common/progress.h"
#include "common/table.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/tensor/device.h"
#include "llm/train/session.h"
#include "llmtrain/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kPretrainExamples =
    "  llmtrain pretrain --config configs/runs/quickstart.json --run-dir runs/first\n"
    "  llmtrain pretrain --config run.json --set optim.lr=1e-3 --set train.max_steps=500\n"
    "  llmtrain pretrain --config run.json --dry-run         check everything, train nothing\n"
    "Ctrl-C finishes the step, saves a checkpoint and exits with 130; the same command goes on "
    "from there.";

struct PretrainOptions {
  RunConfigOptions config;
  std::string run_directory;
  std::string resume = "auto";
  bool dry_run = false;
  bool help_config = false;
};

train::SessionOptions session_options(const PretrainOptions& options, const GlobalOptions& global) {
  train::SessionOptions session;
  session.run_directory = options.run_directory;
  if (session.run_directory.empty()) {
    session.run_directory =
        std::filesystem::path("runs") / std::filesystem::path(options.config.file).stem();
  }
  if (options.resume == "never") {
    session.resume = train::ResumeMode::kNever;
  } else if (options.resume != "auto") {
    session.resume = train::ResumeMode::kFrom;
    session.resume_from = options.resume;
  }
  session.device = tensor::parse_device(global.device);
  session.num_threads = tensor::set_num_threads(global.num_threads);
  session.show_progress = global.shows_progress();
  session.should_stop = interrupt_requested;
  return session;
}

// Verifying large data takes a while.
void show_verification(Progress& progress, train::SessionOptions& session) {
  session.on_verify = [&progress](uint64_t done, uint64_t total) {
    check_interrupt();
    progress.update(done, total, core::format_bytes(total));
    if (done == total) progress.finish();
  };
}

io::OrderedJson optional_json(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

io::OrderedJson summary_json(const train::RunSummary& s) {
  return {{"end", end_name(s.end)},
          {"step", s.state.step},
          {"first_step", s.first_step},
          {"total_steps", s.total_steps},
          {"tokens", s.state.tokens},
          {"loss", s.last_step ? io::OrderedJson(s.last_step->loss) : io::OrderedJson()},
          {"eval_loss", optional_json(s.last_eval_loss)},
          {"best_eval_loss", optional_json(s.state.best_eval_loss)},
          {"best_step", s.state.best_step},
          {"tokens_per_second", s.tokens_per_second},
          {"peak_memory_mib", s.peak_memory_bytes >> 20},
          {"seconds", s.state.seconds},
          {"run_directory", s.run_directory.string()},
          {"checkpoint", s.checkpoint.string()}};
}

void print_summary(const train::RunSummary& s) {
  using enum Align;
  Table table({kLeft, kLeft});
  table.add_row(
      {"run", fmt::format("{} at step {} of {}", end_name(s.end), s.state.step, s.total_steps)});
  table.add_row({"tokens seen", core::format_count(static_cast<double>(s.state.tokens))});
  if (s.last_step) table.add_row({"training loss", fmt::format("{:.4f}", s.last_step->loss)});
  if (s.last_eval_loss)
    table.add_row({"validation loss", fmt::format("{:.4f}", *s.last_eval_loss)});
  if (s.state.best_eval_loss) {
    table.add_row(
        {"best", fmt::format("{:.4f} at step {}", *s.state.best_eval_loss, s.state.best_step)});
  }
  if (s.last_step) table.add_row({"tokens/s", core::format_count(s.tokens_per_second)});
  table.add_row({"peak memory", core::format_bytes(static_cast<uint64_t>(s.peak_memory_bytes))});
  table.add_row({"time trained", core::format_duration(s.state.seconds)});
  table.add_row({"checkpoint", s.checkpoint.string()});
  fmt::print("{}", table.text());
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

void report_end(const train::RunSummary& s, const GlobalOptions& global) {
  const int64_t done = s.state.step - s.first_step;
  if (done == 0 && s.end == train::RunEnd::kCompleted) {
    core::log_info("nothing left to do: the run is at step {} of {}", s.state.step, s.total_steps);
  } else if (done == 0 && s.end == train::RunEnd::kStoppedEarly) {
    core::log_info(
        "nothing to do: the run stopped early at step {}; a higher eval.patience lets "
        "it go on",
        s.state.step);
  }
  if (global.json) {
    fmt::print("{}\n", io::dump_json(summary_json(s)));
  } else if (!global.quiet) {
    print_summary(s);
  }
}

void run_pretrain(const PretrainOptions& options, const GlobalOptions& global) {
  const train::RunConfig config = options.config.read();
  train::SessionOptions session = session_options(options, global);
  Progress progress("verify data", global.shows_progress());
  show_verification(progress, session);
  core::log_debug("resolved config: {}", io::dump_json(io::to_json(core::dump_config(config))));
  if (options.dry_run) return run_dry(config, session, global);
  const train::RunSummary summary = train::pretrain(config, session);
  report_end(summary, global);
  if (summary.end != train::RunEnd::kInterrupted) return;
  throw Interrupted{.note = fmt::format("after step {}; saved {}; the same command goes on from "
                                        "there",
                                        summary.state.step, summary.checkpoint.string()),
                    .has_result = true};
}

}  // namespace

void add_pretrain_command(Program& program) {
  auto options = std::make_shared<PretrainOptions>();
  CLI::App& app = program.add_command(
      "pretrain", "Train a model on prepared text", kPretrainExamples,
      [options](const GlobalOptions& global) { run_pretrain(*options, global); });
  options->config.add_to(app);
  app.add_option("--run-dir", options->run_directory,
                 "where metrics and checkpoints go; default runs/NAME-OF-CONFIG");
  app.add_option(
         "--resume", options->resume,
         "auto: from the newest checkpoint of the run directory; never; or a checkpoint directory")
      ->capture_default_str();
  app.add_flag("--dry-run", options->dry_run,
               "check config, data, tokenizer, shapes and what to resume from, then stop");
  app.add_flag_callback(
      "--help-config",
      [] {
        fmt::print("{}", core::config_help(train::RunConfig{}));
        throw CLI::Success();
      },
      "list every key of the run config");
}

}  // namespace llm::apps
