#include "llmtrain/run_command.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/interrupt.h"
#include "common/table.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/io/checkpoint_list.h"
#include "llm/tensor/device.h"

namespace llm::apps {
namespace {

// Set by the process that starts the ranks of --ranks again.
constexpr const char* kResumeVariable = "LLMTRAIN_RESUME";

io::OrderedJson optional_json(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

io::OrderedJson change_json(const core::PairedChange& c) {
  return {{"before", c.before},
          {"after", c.after},
          {"change", c.change},
          {"standard_error", c.standard_error},
          {"samples", c.num_samples}};
}

io::OrderedJson change_json(const std::optional<train::EvalChange>& change) {
  if (!change) return {};
  io::OrderedJson json = {{"from_step", change->from_step},
                          {"to_step", change->to_step},
                          {"nll", change_json(change->nll)}};
  if (!change->pairs) return json;
  const train::EvalChange::Pairs& pairs = *change->pairs;
  json["margin"] = change_json(pairs.margin);
  json["accuracy"] = change_json(pairs.accuracy);
  json["mcnemar"] = {{"gained", pairs.gained}, {"lost", pairs.lost}, {"p", pairs.p}};
  return json;
}

// "1.9054 -> 1.5121: -0.3933 ± 0.0214".
std::string change_text(const core::PairedChange& c) {
  return fmt::format("{:.4f} -> {:.4f}: {:+.4f} ± {:.4f}", c.before, c.after, c.change,
                     c.standard_error);
}

void add_change(Table& table, const train::EvalChange& change) {
  const auto& pairs = change.pairs;
  table.add_row({pairs ? "chosen NLL" : "held-out NLL",
                 fmt::format("{} (paired standard error, {} {})", change_text(change.nll),
                             change.nll.num_samples, pairs ? "pairs" : "samples")});
  if (!pairs) return;
  table.add_row({"margin", change_text(pairs->margin)});
  table.add_row({"accuracy", fmt::format("{:.3f} -> {:.3f}: {} gained, {} lost, McNemar p = {:.2g}",
                                         pairs->accuracy.before, pairs->accuracy.after,
                                         pairs->gained, pairs->lost, pairs->p)});
}

io::OrderedJson summary_json(const train::RunSummary& s) {
  return {{"end", end_name(s.end)},
          {"step", s.state.step},
          {"first_step", s.first_step},
          {"total_steps", s.total_steps},
          {"tokens", s.state.tokens},
          {"loss", s.last_step ? io::OrderedJson(s.last_step->loss) : io::OrderedJson()},
          {"eval_loss", optional_json(s.last_eval_loss)},
          {"change", change_json(s.change)},
          {"best_metric", s.best_metric},
          {"best_eval", optional_json(s.state.best_eval)},
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
  if (s.change) add_change(table, *s.change);
  if (s.state.best_eval) {
    table.add_row({"best " + s.best_metric,
                   fmt::format("{:.4f} at step {}", *s.state.best_eval, s.state.best_step)});
  }
  if (s.last_step) table.add_row({"tokens/s", core::format_count(s.tokens_per_second)});
  table.add_row({"peak memory", core::format_bytes(static_cast<uint64_t>(s.peak_memory_bytes))});
  table.add_row({"time trained", core::format_duration(s.state.seconds)});
  table.add_row({"checkpoint", s.checkpoint.string()});
  fmt::print("{}", table.text());
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

}  // namespace

train::RunSummary RankSession::run(const std::function<train::RunSummary()>& train) const {
  if (!liveness) return train();
  train::RunSummary summary;
  run_as_rank(*liveness, options.group->rank(), is_json, [&] { summary = train(); });
  return summary;
}

std::filesystem::path RunOptions::chosen_run_directory() const {
  if (!run_directory.empty()) return run_directory;
  return std::filesystem::path("runs") / std::filesystem::path(config.file).stem();
}

LaunchPlan RunOptions::launch_plan(const GlobalOptions& global) const {
  const train::DistSection dist = read_rank_sections(config.read_node()).dist;
  return {.count = ranks.count,
          .restarts = ranks.restarts,
          .grace = std::chrono::seconds(dist.grace_seconds),
          .is_json = global.json,
          .newest_checkpoint = [directory = chosen_run_directory()]() -> std::string {
            const auto checkpoints = io::list_checkpoints(directory);
            return checkpoints.empty() ? "" : checkpoints.back().directory.string();
          }};
}

RankSession RunOptions::session(const GlobalOptions& global) const {
  train::SessionOptions session;
  session.run_directory = chosen_run_directory();
  if (std::getenv(kResumeVariable) != nullptr) {
    session.resume = train::ResumeMode::kAuto;
  } else if (resume == "never") {
    session.resume = train::ResumeMode::kNever;
  } else if (resume != "auto") {
    session.resume = train::ResumeMode::kFrom;
    session.resume_from = resume;
    session.restore = train::parse_restore(restore);
  }
  ConnectedRanks connected = connect_ranks(ranks, read_rank_sections(config.read_node()), global);
  session.device = connected.device;
  session.num_threads = tensor::set_num_threads(connected.num_threads);
  session.local_rank = connected.local_rank;
  session.program_version = program_version();
  session.show_progress = global.shows_progress() && connected.group->rank() == 0;
  session.group = std::move(connected.group);
  session.save_group = std::move(connected.save_group);
  session.should_stop = interrupt_requested;
  return {std::move(session), std::move(connected.liveness), global.json};
}

void RunOptions::add_to(CLI::App& command, const std::function<std::string()>& help) {
  config.add_to(command);
  command.add_option("--run-dir", run_directory,
                     "where metrics and checkpoints go; default runs/NAME-OF-CONFIG");
  ranks.add_to(command);
  command
      .add_option("--resume", resume,
                  "auto: from the newest checkpoint of the run directory; never; or a checkpoint "
                  "directory")
      ->capture_default_str();
  command
      .add_option("--restore", restore,
                  "with --resume DIR: what to take over from it, as weights or weights,optimizer; "
                  "the rest (optimizer, step, data) begins anew")
      ->capture_default_str();
  auto* sweep_option = command.add_option(
      "--sweep", sweep,
      "a JSON file of settings with lists of values: a run for every combination, and a table");
  auto* dry_run_option =
      command.add_flag("--dry-run", dry_run,
                       "check config, data, tokenizer, shapes and what to resume from, then stop");
  sweep_option->excludes(dry_run_option);
  command.add_flag_callback(
      "--help-config",
      [help] {
        fmt::print("{}", help());
        throw CLI::Success();
      },
      "list every key of the run config");
}

void require_checkpoint_to_restore(const RunOptions& options) {
  const bool has_checkpoint = options.resume != "auto" && options.resume != "never";
  if (train::parse_restore(options.restore).is_all() || has_checkpoint) return;
  throw core::ConfigError({"--restore",
                           "--resume DIR, the checkpoint to take " + options.restore + " from",
                           "--resume " + options.resume,
                           "Name the checkpoint; a run that goes on restores everything"});
}

void run_as_ranks(const RunOptions& options, const GlobalOptions& global,
                  const std::function<void()>& run) {
  require_checkpoint_to_restore(options);
  options.ranks.require_restartable();
  if (options.ranks.asks_for_launch() && !options.dry_run)
    return launch_ranks(options.launch_plan(global));
  run();
}

void report_run(const train::RunSummary& summary, const train::SessionOptions& session,
                const GlobalOptions& global) {
  const bool is_interrupted = summary.end == train::RunEnd::kInterrupted;
  if (session.group->rank() > 0) {
    if (is_interrupted) throw AlreadyTold{kExitInterrupted};
    return;
  }
  report_end(summary, global);
  if (!is_interrupted) return;
  throw Interrupted{.note = fmt::format("after step {}; saved {}; the same command goes on from "
                                        "there",
                                        summary.state.step, summary.checkpoint.string()),
                    .has_result = true};
}

}  // namespace llm::apps
