// Checkpoints of a run (design section 6): DIR/checkpoints/step-00000100/ is a Hugging Face model
// directory plus trainer/state.json and trainer/optimizer-00000-of-00001.safetensors; manifest.json
// is written last. A checkpoint is built under a temporary name and renamed, so that one with a
// valid manifest is whole, whatever happened while it was written. checkpoints/abandoned-N/ holds
// those that a resume from an earlier one left behind, checkpoints/damaged-N/ what was found not to
// match its manifest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "llm/core/config_node.h"
#include "llm/data/skipped_rows.h"
#include "llm/io/checkpoint_list.h"
#include "llm/io/file_lock.h"
#include "llm/tensor/parameter_store.h"

namespace llm::train {

// Rows that a run left out because of a spike.
struct SkippedRows {
  data::RowRange rows;
  int64_t step = 0;          // whose loss it was
  std::string cause;         // "loss 9.1, more than 6 deviations above 3.2"
  bool by_rollback = false;  // the run went back, too
};

// How a run is computed, as far as the bits of its sums depend on it: "ranks", "threads",
// "program", ... with their values as texts.
using Execution = std::map<std::string, std::string>;

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
  Execution execution;
  bool is_reordered = false;          // it was continued by another execution: sums changed order
  int64_t first_optimizer_step = 0;   // the moments have had `step` less this many updates
  std::vector<double> recent_losses;  // of the last steps, as many as spikes.window
  std::vector<SkippedRows> skipped;   // in the order it happened
};

// The model's files in a checkpoint: everything but trainer/.
struct ModelFiles {
  // Makes them, the numbers left out of the tensors (io::create_safetensors).
  std::function<void(const std::filesystem::path& directory, int64_t max_file_bytes)> create;
  // The tensors that hold a parameter of the store.
  std::function<std::vector<std::string>(const std::string& parameter)> tensor_names;
};

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

struct SetAside {
  int64_t step = 0;
  std::filesystem::path directory;  // where it is now
  bool is_damaged = false;
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
  // the caller fills, every file and name of it on disk; commit() writes the manifest, renames, and
  // returns the final path, and what was there is moved to damaged-N; discard() removes what there
  // is instead, and older checkpoints stay. Throws: IoError.
  std::filesystem::path path_of(int64_t step) const;  // of a committed one
  std::filesystem::path partial_path(int64_t step) const;
  void begin(int64_t step);
  std::filesystem::path commit(int64_t step);
  void discard(int64_t step) noexcept;

  // Removes all but what `keep` names and what this object saved last, and what interrupted saves
  // left behind. Returns what it removed, by ascending step.
  std::vector<io::Checkpoint> prune(const Retention& keep);

  // Moves what is named like a checkpoint after `step` aside: a run that goes on from `step` leaves
  // it behind, and it must neither count as its newest nor push its own out. Complete ones (every
  // byte is compared) go to checkpoints/abandoned-N, others to checkpoints/damaged-N. Returns them
  // by ascending step. Throws: IoError.
  std::vector<SetAside> set_aside_after(int64_t step);

 private:
  std::filesystem::path root_;
  int64_t saved_step_ = -1;
};

}  // namespace llm::train
