#include "train/resume.h"

#include <fmt/format.h>

#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"
#include "llm/io/manifest.h"

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

void check_data(const ResumePoint& point, const RunIdentity& run) {
  const TrainerState& saved = point.saved.state;
  if (saved.tokenizer_fingerprint != run.tokenizer_fingerprint) {
    throw core::DataError(
        {point.checkpoint.string(),
         "the tokenizer it was trained with, fingerprint " + io::hex64(saved.tokenizer_fingerprint),
         "another, fingerprint " + io::hex64(run.tokenizer_fingerprint), kAnotherRun});
  }
  if (saved.data_fingerprint != run.data_fingerprint) {
    throw core::DataError(
        {point.checkpoint.string(),
         "the data it was trained on, fingerprint " + io::hex64(saved.data_fingerprint),
         "other data, fingerprint " + io::hex64(run.data_fingerprint),
         "The prepared data changed since the run was started; start a new run "
         "with another --run-dir"});
  }
}

void note_reordering(const TrainerState& saved, const SessionOptions& options) {
  const auto note = [](const char* what, int64_t before, int64_t now) {
    if (before == now) return;
    core::log_warn(
        "resuming with {} {}(s) after {}: sums are taken in another order, so the run is not "
        "bit-equal to the uninterrupted one",
        now, what, before);
  };
  note("rank", saved.world_size, options.group->size());
  note("thread", saved.num_threads, options.num_threads);
}

// Reads every byte once: a checkpoint whose content changed must not be trained on.
void require_undamaged(const std::vector<io::Checkpoint>& checkpoints) {
  const io::Checkpoint& newest = checkpoints.back();
  for (const auto& problem : io::verify_manifest(newest.directory, /*check_hashes=*/true)) {
    if (problem.fault == io::ManifestFault::kExtra) continue;
    const std::string older =
        checkpoints.size() > 1 ? fmt::format("Go on from an older one with --resume {}",
                                             checkpoints[checkpoints.size() - 2].directory.string())
                               : "It is the only one: start over with another --run-dir";
    throw core::FormatError({newest.directory.string(), "a checkpoint as it was written",
                             problem.message,
                             fmt::format("{}, or delete {}", older, newest.directory.string())});
  }
}

core::FormatError all_damaged(const std::vector<fs::path>& damaged) {
  const fs::path folder = damaged.front().parent_path();
  std::string names;
  for (const fs::path& path : damaged) {
    names += (names.empty() ? "" : ", ") + path.filename().string();
  }
  return core::FormatError(
      {folder.string(), "a complete checkpoint to go on from",
       fmt::format("only damaged ones (their files do not match manifest.json): {}", names),
       fmt::format("Go on from a copy with --resume DIR; or delete {} to start over, or start "
                   "with another --run-dir",
                   folder.string())});
}

std::optional<fs::path> newest_checkpoint(const SessionOptions& options) {
  const CheckpointFolder folder(options.run_directory);
  const auto complete = folder.list();
  const auto damaged = folder.damaged();
  if (options.resume == ResumeMode::kNever && !(complete.empty() && damaged.empty())) {
    throw core::ConfigError({options.run_directory.string(),
                             "a run directory without checkpoints (--resume never)",
                             fmt::format("{} of them", complete.size() + damaged.size()),
                             "Choose another --run-dir, or drop --resume never to go on"});
  }
  if (complete.empty()) {
    if (damaged.empty()) return std::nullopt;
    throw all_damaged(damaged);
  }
  for (const fs::path& path : damaged) {
    core::log_warn(
        "{} is incomplete or damaged (its files do not match manifest.json) and is left out",
        path.string());
  }
  require_undamaged(complete);
  return complete.back().directory;
}

}  // namespace

std::optional<ResumePoint> find_resume_point(const RunIdentity& run,
                                             const SessionOptions& options) {
  const auto checkpoint = options.resume == ResumeMode::kFrom
                              ? convert::resolve_model_directory(options.resume_from)
                              : newest_checkpoint(options);
  if (!checkpoint) return std::nullopt;
  ResumePoint point{*checkpoint, load_state(*checkpoint)};
  check_settings(point, run.config);
  if (run.model) check_model(point, *run.model);
  check_data(point, run);
  note_reordering(point.saved.state, options);
  return point;
}

TrainerState first_state(const RunIdentity& run, const SessionOptions& options,
                         const std::optional<ResumePoint>& resume) {
  TrainerState state;
  if (resume) {
    state = resume->saved.state;
    core::log_info("resuming from {} at step {}", resume->checkpoint.string(), state.step);
  }
  state.tokenizer_fingerprint = run.tokenizer_fingerprint;
  state.data_fingerprint = run.data_fingerprint;
  state.num_threads = options.num_threads;
  state.world_size = options.group->size();
  return state;
}

}  // namespace llm::train
