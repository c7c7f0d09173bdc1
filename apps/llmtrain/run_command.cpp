#include "llmtrain/run_command.h"

#include <fmt/format.h>

#include "common/interrupt.h"
#include "common/table.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/tensor/device.h"

namespace llm::apps {
namespace {

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

train::SessionOptions RunOptions::session(const GlobalOptions& global) const {
  train::SessionOptions session;
  session.run_directory = run_directory;
  if (session.run_directory.empty()) {
    session.run_directory =
        std::filesystem::path("runs") / std::filesystem::path(config.file).stem();
  }
  if (resume == "never") {
    session.resume = train::ResumeMode::kNever;
  } else if (resume != "auto") {
    session.resume = train::ResumeMode::kFrom;
    session.resume_from = resume;
  }
  ConnectedRanks connected = connect_ranks(ranks, global);
  session.device = connected.device;
  session.num_threads = tensor::set_num_threads(connected.num_threads);
  session.local_rank = connected.local_rank;
  session.program_version = program_version();
  session.show_progress = global.shows_progress() && connected.group->rank() == 0;
  session.group = std::move(connected.group);
  session.should_stop = interrupt_requested;
  return session;
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

void run_as_ranks(const RunOptions& options, const std::function<void()>& run) {
  if (options.ranks.asks_for_launch() && !options.dry_run) return launch_ranks(options.ranks.count);
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
