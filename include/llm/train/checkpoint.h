// Checkpoints of a run (design section 6): DIR/checkpoints/step-00000100/ is a Hugging Face model
// directory plus trainer/state.json and trainer/optimizer-00000-of-00001.safetensors; manifest.json
// is written last. A checkpoint is built under a temporary name and renamed, so that one with a
// valid manifest is whole, whatever happened while it was written. checkpoints/abandoned-N/ holds
// those that a resume from an earlier one left behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "llm/core/config_node.h"
#include "llm/io/checkpoint_list.h"
#include "llm/io/file_lock.h"
#include "llm/tensor/parameter_store.h"

namespace llm::train {

// Everything a run needs besides weights and moments to go on exactly.
struct TrainerState {
  int64_t step = 0;
  int64_t tokens = 0;
  int64_t next_row = 0;             // data::DataLoader::state()
  double seconds = 0;               // trained so far, over all restarts
  std::optional<double> best_eval;  // of the metric that decides which checkpoint is best
  int64_t best_step = 0;
  int64_t evals_without_progress = 0;
  std::map<std::string, double> first_eval;  // of the evaluation before the first step, by name
  std::optional<double> last_perplexity;     // of the forgetting gate, at the last evaluation
  uint64_t tokenizer_fingerprint = 0;
  uint64_t data_fingerprint = 0;
  int64_t num_threads = 0;  // of each rank
  int64_t world_size = 1;
};

// trainer/optimizer-*.safetensors: per parameter two fp32 vectors named "exp_avg|NAME|BEGIN:END"
// and "exp_avg_sq|NAME|BEGIN:END", the half-open element range of the flattened parameter that the
// file holds. The same whatever ranks wrote it: one makes it, then each that has moments writes
// them. Throws: IoError.
void create_optimizer_file(const std::filesystem::path& directory,
                           const tensor::ParameterStore& store);
void write_optimizer(const std::filesystem::path& directory, const tensor::ParameterStore& store);
// What the store has moments of. Strict both ways. Throws: IoError, FormatError.
void load_optimizer(const std::filesystem::path& directory, tensor::ParameterStore& store);

void save_state(const std::filesystem::path& directory, const TrainerState& state,
                const core::ConfigNode& config);
struct SavedState {
  TrainerState state;
  core::ConfigNode config;  // the resolved run config
};
// Throws: IoError, FormatError.
SavedState load_state(const std::filesystem::path& directory);

// Held by whoever changes a run directory. Throws: ConfigError naming the process that has it.
io::FileLock lock_run(const std::filesystem::path& run_directory);

// Which complete checkpoints stay. The newest always does.
struct Retention {
  int64_t keep_last = 1;         // at least 1
  int64_t keep_every_steps = 0;  // those of steps that are multiples of it; 0: none
  int64_t best_step = 0;         // 0: none
};

// The checkpoints folder of one run. Not thread-safe.
class CheckpointFolder {
 public:
  explicit CheckpointFolder(std::filesystem::path run_directory);

  // Complete checkpoints by ascending step; others do not exist (files are compared by size,
  // contents when one is loaded).
  std::vector<io::Checkpoint> list() const;
  std::optional<io::Checkpoint> newest() const;
  // Directories named like checkpoints that are incomplete or damaged, so that list() leaves them
  // out.
  std::vector<std::filesystem::path> damaged() const;

  // A checkpoint is made in three steps: begin() makes an empty directory at partial_path(), which
  // the caller fills; commit() writes the manifest and renames, and returns the final path;
  // discard() removes what there is instead, and older checkpoints stay. Throws: IoError.
  std::filesystem::path partial_path(int64_t step) const;
  void begin(int64_t step);
  std::filesystem::path commit(int64_t step);
  void discard(int64_t step) noexcept;

  // Removes all but what `keep` names and what this object saved last, and what interrupted saves
  // left behind. Returns what it removed, by ascending step.
  std::vector<io::Checkpoint> prune(const Retention& keep);

  // Moves complete checkpoints after `step` into checkpoints/abandoned-N: a run that goes on from
  // `step` leaves them behind, and they must neither count as its newest nor push its own out.
  // Returns their new places, by ascending step. Throws: IoError.
  std::vector<io::Checkpoint> set_aside_after(int64_t step);

 private:
  std::filesystem::path path_of(int64_t step) const;
  std::filesystem::path root_;
  int64_t saved_step_ = -1;
};

}  // namespace llm::train
