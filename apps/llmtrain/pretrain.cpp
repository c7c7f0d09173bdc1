#include <fmt/format.h>

#include <memory>

#include "common/interrupt.h"
#include "common/table.h"
#include "llm/core/error.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/tensor/device.h"
#include "llm/train/session.h"
#include "llmtrain/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kExamples =
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

io::OrderedJson optional_json(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

const char* end_name(train::RunEnd end) {
  switch (end) {
    case train::RunEnd::kCompleted:
      return "completed";
    case train::RunEnd::kInterrupted:
      return "interrupted";
    case train::RunEnd::kStoppedEarly:
      return "stopped early";
  }
  return "?";
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
  table.add_row({"tokens/s", core::format_count(s.tokens_per_second)});
  table.add_row({"peak memory", core::format_bytes(static_cast<uint64_t>(s.peak_memory_bytes))});
  table.add_row({"time trained", core::format_duration(s.state.seconds)});
  table.add_row({"checkpoint", s.checkpoint.string()});
  fmt::print("{}", table.text());
}

void run_pretrain(const PretrainOptions& options, const GlobalOptions& global) {
  const train::RunConfig config = options.config.read();
  const train::SessionOptions session = session_options(options, global);
  core::log_info("resolved config: {}", io::to_json(core::dump_config(config)).dump());
  if (options.dry_run) {
    const auto inputs = train::read_inputs(config);
    train::plan_batch(config, 1);
    core::log_info("everything is in place: {} parameters, {} training tokens; nothing was trained",
                   core::format_count(static_cast<double>(arch::num_parameters(inputs.model))),
                   core::format_count(static_cast<double>(inputs.dataset.train.tokens)));
    return;
  }
  catch_interrupts();
  const train::RunSummary summary = train::pretrain(config, session);
  if (global.json) {
    fmt::print("{}\n", summary_json(summary).dump());
  } else if (!global.quiet) {
    print_summary(summary);
  }
  if (summary.end == train::RunEnd::kInterrupted) throw Interrupted{};
}

}  // namespace

void add_pretrain_command(Program& program) {
  auto options = std::make_shared<PretrainOptions>();
  CLI::App& app = program.add_command(
      "pretrain", "Train a model on prepared text", kExamples,
      [options](const GlobalOptions& global) { run_pretrain(*options, global); });
  options->config.add_to(app);
  app.add_option("--run-dir", options->run_directory,
                 "where metrics and checkpoints go; default runs/NAME-OF-CONFIG");
  app.add_option(
         "--resume", options->resume,
         "auto: from the newest checkpoint of the run directory; never; or a checkpoint directory")
      ->capture_default_str();
  app.add_flag("--dry-run", options->dry_run,
               "check config, data, tokenizer and shapes, then stop");
  app.add_flag_callback(
      "--help-config",
      [] {
        fmt::print("{}", core::config_help(train::RunConfig{}));
        throw CLI::Success();
      },
      "list every key of the run config");
}

}  // namespace llm::apps
