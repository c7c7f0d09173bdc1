// Saves checkpoints: every rank writes its part, rank 0 the rest, and rank 0 commits once all have
// said that theirs is on disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/train/checkpoint.h"
#include "llm/train/trainer.h"
#include "train/checkpoint_parts.h"

namespace llm::train {

struct SaverSetup {
  dist::ProcessGroup* group = nullptr;
  bool is_alone = true;  // nobody else uses the group, so a save may be under way beside training
  const tensor::ParameterStore* store = nullptr;
  std::vector<tensor::ArenaRange> own_ranges;  // what this rank writes
  ModelFiles model;
  core::ConfigNode config;
  CheckpointSection options;
  int64_t max_file_bytes = 0;                     // of weight and optimizer files
  std::function<void(const RunEvent&)> on_event;  // "saved", told by save() or wait(); may be empty
  std::function<void()> before_write;             // TrainerSetup's; of rank 0
  int64_t first_step = 0;                         // what the run begins with is saved already if
                                                  // there is a checkpoint of this step
};

// A checkpoint, or the beginning of a run, as a place in its rows.
struct SavedPoint {
  int64_t step = 0;
  int64_t next_row = 0;
};

// Not thread-safe. With CheckpointSection::async a save returns once the numbers are copied, and a
// thread of its own writes them.
class CheckpointSaver {
 public:
  // Requires: what `setup` points to outlives the saver.
  CheckpointSaver(SaverSetup setup, CheckpointFolder folder);
  ~CheckpointSaver();

  // Waits for the save before. Nothing is done when `state`'s step is saved already.
  // Throws: IoError when a file cannot be written (the older checkpoints stay), PeerError when
  // another rank could not; DistError.
  void save(const TrainerState& state);
  // Whether the save under way, if any, has failed; the next wait() says why.
  bool has_failed() const { return has_failed_; }
  // Returns when nothing is under way. Throws: as save().
  void wait();

  // Of all ranks together. Requires: nothing is under way.
  // The newest checkpoint before `step`, or the beginning.
  SavedPoint newest_before(int64_t step);
  void set_aside_after(int64_t step);

 private:
  void write(const TrainerState& state, const std::vector<SavedPart>& parts);
  void tell_saved() const;
  void write_or_discard(const TrainerState& state, const std::vector<SavedPart>& parts);
  void create(const TrainerState& state);
  void commit(const TrainerState& state);

  SaverSetup setup_;
  CheckpointFolder folder_;
  int64_t saved_step_ = -1;
  std::future<void> running_;
  std::atomic<bool> has_failed_{false};
};

}  // namespace llm::train
