#include "train/run_loop.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/tensor/memory_stats.h"
#include "train/rank_phase.h"
#include "train/skip_log.h"

namespace llm::train {

namespace {

// The run that is now continued from `step` is the only one its directory shows.
void leave_later_steps(const SessionOptions& options, int64_t step) {
  for (const auto& aside : CheckpointFolder(options.run_directory).set_aside_after(step)) {
    core::log_warn("{} lies after step {}, from which the run goes on: moved to {}",
                   aside.is_damaged ? fmt::format("damaged step {}", aside.step)
                                    : fmt::format("step {}", aside.step),
                   step, aside.directory.string());
  }
}

std::vector<std::unique_ptr<MetricsSink>> make_sinks(const SessionOptions& options,
                                                     int64_t first_step, int64_t steps,
                                                     bool tensorboard) {
  std::vector<std::unique_ptr<MetricsSink>> sinks;
  sinks.push_back(make_jsonl_sink(options.run_directory / "metrics.jsonl", first_step));
  sinks.push_back(make_log_sink(steps));
  if (tensorboard) sinks.push_back(make_tensorboard_sink(options.run_directory, first_step));
  if (options.show_progress) sinks.push_back(make_terminal_sink(steps));
  return sinks;
}

RunSummary summarize(const Trainer& trainer, RunEnd end, const SessionOptions& options) {
  RunSummary summary;
  summary.end = end;
  summary.state = trainer.state();
  summary.last_step = trainer.last_step();
  summary.last_eval_loss = trainer.last_eval_loss();
  summary.tokens_per_second = trainer.tokens_per_second();
  summary.peak_memory_bytes = tensor::memory_stats(options.device).peak_bytes;
  summary.run_directory = options.run_directory;
  const auto newest =
      options.group->rank() == 0 ? CheckpointFolder(options.run_directory).newest() : std::nullopt;
  if (newest) summary.checkpoint = newest->directory;
  return summary;
}

// Without the forty lines of frames that LibTorch appends.
std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

}  // namespace

RunSummary run_loop(TrainerSetup setup, const TrainerState& state, const SessionOptions& options,
                    const LogSection& log, SharedRunDirectory& directory) {
  const int64_t total_steps = setup.total_steps;
  setup.resolved_config = without_secrets(std::move(setup.resolved_config));
  const std::string best_metric = setup.loop.eval.best_metric;
  std::vector<std::unique_ptr<MetricsSink>> sinks;
  // Every rank has loaded what it needs: rank 0 alone changes the run directory from here on.
  run_on_all_ranks(*options.group, "preparing the run directory", [&] {
    if (options.group->rank() != 0) return;
    directory.reporter()->require_lease();
    io::write_file_atomically(options.run_directory / "config.json",
                              io::to_json(setup.resolved_config).dump(2) + "\n");
    leave_later_steps(options, state.step);
    if (!options.restore.is_all()) write_skip_log(options.run_directory, state.skipped);
    sinks = make_sinks(options, state.step, total_steps, log.tensorboard);
    sinks.push_back(directory.reporter()->make_sink());
    directory.reporter()->follow(setup, state);
  });
  for (const auto& sink : sinks) setup.sinks.push_back(sink.get());
  setup.should_stop = options.should_stop;
  setup.save_group = options.save_group.get();
  setup.record_skips = [&](const auto& skipped) { write_skip_log(options.run_directory, skipped); };
  Trainer trainer(std::move(setup), state, CheckpointFolder(options.run_directory));
  const RunEnd end = trainer.run();
  options.group->barrier("end of the run");
  RunSummary summary = summarize(trainer, end, options);
  summary.first_step = state.step;
  summary.total_steps = total_steps;
  summary.best_metric = best_metric;
  core::log_to_file(core::LogLevel::kInfo, fmt::format("{} at step {} of {}", end_name(summary.end),
                                                       summary.state.step, summary.total_steps));
  if (end != RunEnd::kRolledBack && directory.reporter() != nullptr)
    directory.reporter()->ended(summary);
  return summary;
}

SessionOptions after_rollback(SessionOptions options) {
  options.resume = ResumeMode::kAuto;
  options.restore = {};
  return options;
}

RunSummary with_error_log(SharedRunDirectory& directory, const std::function<RunSummary()>& train) {
  try {
    return train();
  } catch (const std::exception& error) {
    RunReporter* reporter = directory.reporter();
    // What another process took over is written to no more.
    if (reporter != nullptr && reporter->has_lost_lease()) core::set_log_file("");
    core::log_to_file(core::LogLevel::kError, message_of(error));
    if (reporter != nullptr) reporter->failed(message_of(error));
    throw;
  }
}

}  // namespace llm::train
