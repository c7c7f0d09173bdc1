// Where a run goes on from, and whether it may.
#pragma once

#include <filesystem>
#include <optional>

#include "llm/train/checkpoint.h"
#include "llm/train/session.h"

namespace llm::train {

struct ResumePoint {
  std::filesystem::path checkpoint;
  SavedState saved;
};

// What a checkpoint must have been made with.
struct RunIdentity {
  core::ConfigNode config;                 // resolved
  std::optional<arch::ModelConfig> model;  // of checkpoints that are whole models
  uint64_t tokenizer_fingerprint = 0;
  uint64_t data_fingerprint = 0;
  Execution execution;  // may differ, with a notice
};

// The checkpoint that `options` ask for, read in full and compared with the run: its settings, its
// model, its data. Absent: the run starts from the beginning. Changed settings that are allowed
// are logged as warnings.
// A damaged checkpoint of the run directory is passed over, with warnings that name the file, both
// hashes and the steps that are lost; nothing is moved here (CheckpointFolder::set_aside_after).
// Throws: ConfigError naming what differs; DataError for other data or another tokenizer;
// FormatError when the checkpoint that was asked for, or every one of the run, is damaged.
std::optional<ResumePoint> find_resume_point(const RunIdentity& run, const SessionOptions& options);

// `saved` without what is not restored. Pure.
TrainerState restored_state(const TrainerState& saved, const Restore& restore);

// What a trainer begins with: the saved state, as far as it is restored, or that of a new run.
TrainerState first_state(const RunIdentity& run, const SessionOptions& options,
                         const std::optional<ResumePoint>& resume);

}  // namespace llm::train
