#include "train/resume.h"

#include <fmt/format.h>

#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"
#include "llm/io/manifest.h"
#include "train/execution.h"
#include "train/skip_log.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAnotherRun = "Set it back, or start a new run with another --run-dir";

std::string list_differences(const std::vector<core::ConfigDifference>& differences) {
  std::string text;
  for (const auto& difference : differences) {
    text += fmt::format("{}{}: {} -> {}", text.empty() ? "" : "; ", difference.key,
                        difference.before, difference.after);
  }
  return text;
}

// config.json as the model sees it: without keys it does not use, whatever the weights' type.
core::ConfigNode compared_model(arch::ModelConfig model) {
  model.inert = io::OrderedJson::object();
  model.rope.inert = io::OrderedJson::object();
  model.dtype = "float32";
  return io::to_config_node(arch::to_json(model), "config.json");
}

void check_settings(const ResumePoint& point, const core::ConfigNode& config) {
  const auto differences = compare_for_resume(point.saved.config, config);
  if (!differences.refused.empty()) {
    throw core::ConfigError({point.checkpoint.string(), "the settings the run was started with",
                             list_differences(differences.refused), kAnotherRun});
  }
  if (!differences.noted.empty()) {
    core::log_warn("resuming with changed settings, so the run is not the uninterrupted one: {}",
                   list_differences(differences.noted));
  }
}

void check_model(const ResumePoint& point, const arch::ModelConfig& model) {
  const fs::path file = point.checkpoint / "config.json";
  const auto differences =
      core::diff_config(compared_model(arch::read_model_config(file)), compared_model(model));
  if (differences.empty()) return;
  throw core::ConfigError({file.string(), "the model the run was started with",
                           list_differences(differences), kAnotherRun});
}

void check_tokenizer(const ResumePoint& point, const RunIdentity& run) {
  const TrainerState& saved = point.saved.state;
  if (saved.tokenizer_fingerprint != run.tokenizer_fingerprint) {
    throw core::DataError(
        {point.checkpoint.string(),
         "the tokenizer it was trained with, fingerprint " + io::hex64(saved.tokenizer_fingerprint),
         "another, fingerprint " + io::hex64(run.tokenizer_fingerprint), kAnotherRun});
  }
}

void check_data(const ResumePoint& point, const RunIdentity& run) {
  const TrainerState& saved = point.saved.state;
  if (saved.data_fingerprint != run.data_fingerprint) {
    throw core::DataError(
        {point.checkpoint.string(),
         "the data it was trained on, fingerprint " + io::hex64(saved.data_fingerprint),
         "other data, fingerprint " + io::hex64(run.data_fingerprint),
         "The prepared data changed since the run was started; start a new run "
         "with another --run-dir"});
  }
}

void note_reordering(const TrainerState& saved, const Execution& now) {
  const std::string changes = execution_changes(saved.execution, now);
  if (changes.empty()) return;
  core::log_warn(
      "the run goes on REORDERED: sums are taken in another order, so it is not bit-equal to the "
      "uninterrupted one, but as close as rounding allows ({})",
      changes);
}

// The first thing that does not match the manifest, as a sentence. Reads every byte: a checkpoint
// whose content changed must not be trained on.
std::optional<std::string> damage_of(const fs::path& checkpoint) {
  for (const auto& problem : io::verify_manifest(checkpoint, /*check_hashes=*/true)) {
    if (problem.fault != io::ManifestFault::kExtra) return problem.message;
  }
  return std::nullopt;
}

struct DamagedCheckpoint {
  fs::path directory;
  std::string problem;
};

int64_t step_of(const fs::path& checkpoint) {
  return io::checkpoint_step(checkpoint.filename().string());
}

void warn_of_damage(const std::vector<DamagedCheckpoint>& damaged, const fs::path& chosen) {
  for (const DamagedCheckpoint& checkpoint : damaged) {
    core::log_warn("{} is DAMAGED and not used: {}", checkpoint.directory.string(),
                   checkpoint.problem);
  }
  if (damaged.empty()) return;
  const int64_t lost = step_of(damaged.front().directory) - step_of(chosen);
  core::log_warn("the run goes on from {} instead: {} step(s) are lost and trained again",
                 chosen.filename().string(), lost);
}

core::FormatError all_damaged(const std::vector<DamagedCheckpoint>& damaged) {
  const fs::path folder = damaged.front().directory.parent_path();
  std::string found;
  for (auto checkpoint = damaged.rbegin(); checkpoint != damaged.rend(); ++checkpoint) {
    found += fmt::format("{}{} ({})", found.empty() ? "" : ", ",
                         checkpoint->directory.filename().string(), checkpoint->problem);
  }
  return core::FormatError(
      {folder.string(), "a complete checkpoint to go on from", "only damaged ones: " + found,
       fmt::format("Go on from a copy with --resume DIR; or delete {} to start over, or start "
                   "with another --run-dir",
                   folder.string())});
}

std::optional<fs::path> newest_checkpoint(const SessionOptions& options) {
  if (!io::is_run_directory(options.run_directory)) return std::nullopt;
  const std::vector<fs::path> all = io::checkpoints_after(options.run_directory, -1);
  if (options.resume == ResumeMode::kNever && !all.empty()) {
    throw core::ConfigError({options.run_directory.string(),
                             "a run directory without checkpoints (--resume never)",
                             fmt::format("{} of them", all.size()),
                             "Choose another --run-dir, or drop --resume never to go on"});
  }
  std::vector<DamagedCheckpoint> damaged;  // newest first
  for (auto checkpoint = all.rbegin(); checkpoint != all.rend(); ++checkpoint) {
    if (const auto problem = damage_of(*checkpoint)) {
      damaged.push_back({*checkpoint, *problem});
      continue;
    }
    warn_of_damage(damaged, *checkpoint);
    return *checkpoint;
  }
  if (!damaged.empty()) throw all_damaged(damaged);
  return std::nullopt;
}

}  // namespace

std::optional<ResumePoint> find_resume_point(const RunIdentity& run,
                                             const SessionOptions& options) {
  const auto checkpoint = options.resume == ResumeMode::kFrom
                              ? convert::resolve_model_directory(options.resume_from)
                              : newest_checkpoint(options);
  if (!checkpoint) return std::nullopt;
  ResumePoint point{*checkpoint, load_state(*checkpoint)};
  // A run that leaves something of it behind is another run, with settings of its own.
  if (options.restore.is_all()) check_settings(point, run.config);
  if (run.model) check_model(point, *run.model);
  check_tokenizer(point, run);
  if (options.restore.data) check_data(point, run);
  if (options.restore.is_all()) note_reordering(point.saved.state, run.execution);
  return point;
}

TrainerState restored_state(const TrainerState& saved, const Restore& restore) {
  TrainerState state;
  if (restore.step) state = saved;
  state.next_row = restore.data ? saved.next_row : 0;
  state.skipped = restore.data ? saved.skipped : std::vector<SkippedRows>{};
  state.is_reordered = saved.is_reordered;
  const int64_t updates = restore.optimizer ? saved.step - saved.first_optimizer_step : 0;
  state.first_optimizer_step = state.step - updates;
  return state;
}

TrainerState first_state(const RunIdentity& run, const SessionOptions& options,
                         const std::optional<ResumePoint>& resume) {
  TrainerState state;
  if (resume) {
    const TrainerState& saved = resume->saved.state;
    state = restored_state(saved, options.restore);
    state.is_reordered |= !execution_changes(saved.execution, run.execution).empty();
    core::log_info("resuming from {} at step {}", resume->checkpoint.string(), state.step);
  }
  state.tokenizer_fingerprint = run.tokenizer_fingerprint;
  state.data_fingerprint = run.data_fingerprint;
  // Another run's rows are nothing to one that begins its data anew.
  if (!resume || options.restore.is_all())
    state.skipped = joined_skips(std::move(state.skipped), read_skip_log(options.run_directory));
  state.execution = run.execution;
  return state;
}

}  // namespace llm::train
