#include "train/checkpoint_saver.h"

#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/tensor/memory_stats.h"
#include "train/optimizer_files.h"
#include "train/rank_exchange.h"
#include "train/rank_phase.h"
#include "train/run_lease.h"

namespace llm::train {

namespace {

std::vector<StoredRange> stored_weights(const tensor::ParameterStore& store,
                                        const ModelFiles& model) {
  std::vector<StoredRange> stored;
  for (const tensor::ParameterRange& parameter : store.parameters()) {
    for (const std::string& name : model.tensor_names(parameter.spec.name))
      stored.push_back({name, {parameter.offset, parameter.numel}, &SavedPart::weights});
  }
  return stored;
}

// Leaves as much again for what else the machine does.
bool has_room_for(int64_t bytes) {
  const int64_t available = tensor::available_memory_bytes();
  if (2 * bytes <= available) return true;
  core::log_warn(
      "checkpoint.async: a copy of {} does not fit well into the {} of free memory, so training "
      "waits for this checkpoint",
      core::format_bytes(static_cast<uint64_t>(bytes)),
      core::format_bytes(static_cast<uint64_t>(available)));
  return false;
}

}  // namespace

CheckpointSaver::CheckpointSaver(SaverSetup setup, CheckpointFolder folder)
    : setup_(std::move(setup)), folder_(std::move(folder)) {
  // A state that lies on disk already is not written again.
  const auto newest = folder_.newest();
  if (newest && newest->step == setup_.first_step) saved_step_ = newest->step;
}

CheckpointSaver::~CheckpointSaver() {
  if (running_.valid()) running_.wait();
}

void CheckpointSaver::save(const TrainerState& state) {
  wait();
  if (saved_step_ == state.step) return;
  saved_step_ = state.step;
  const std::vector<SavedPart> parts = parts_of(*setup_.store, setup_.own_ranges);
  if (!setup_.options.async || !setup_.is_alone || !has_room_for(num_bytes(parts))) {
    write_or_discard(state, parts);
    return tell_saved();
  }
  running_ = std::async(std::launch::async, [this, state, copies = copy_parts(parts)] {
    write_or_discard(state, copies);
  });
}

void CheckpointSaver::wait() {
  if (!running_.valid()) return;
  running_.get();
  tell_saved();
}

SavedPoint CheckpointSaver::newest_before(int64_t step) {
  SavedPoint point;
  run_on_all_ranks(*setup_.group, "looking for a checkpoint", [&] {
    if (setup_.group->rank() != 0) return;
    for (const io::Checkpoint& checkpoint : folder_.list()) {
      if (checkpoint.step >= step) break;
      point = {checkpoint.step, load_state(checkpoint.directory).state.next_row};
    }
  });
  const auto values = join_sums(
      *setup_.group, {static_cast<double>(point.step), static_cast<double>(point.next_row)},
      "checkpoint to go back to");
  return {static_cast<int64_t>(values[0]), static_cast<int64_t>(values[1])};
}

void CheckpointSaver::set_aside_after(int64_t step) {
  run_on_all_ranks(*setup_.group, "setting checkpoints aside", [&] {
    if (setup_.group->rank() != 0) return;
    for (const SetAside& aside : folder_.set_aside_after(step))
      core::log_warn("moved to {}", aside.directory.string());
  });
}

void CheckpointSaver::tell_saved() const {
  if (!setup_.on_event || setup_.group->rank() != 0) return;
  setup_.on_event({"saved", saved_step_, folder_.path_of(saved_step_).string()});
}

void CheckpointSaver::write_or_discard(const TrainerState& state,
                                       const std::vector<SavedPart>& parts) {
  try {
    write(state, parts);
  } catch (const LeaseLostError&) {
    has_failed_ = true;  // and what lies there is another's now
    throw;
  } catch (...) {
    has_failed_ = true;
    if (setup_.group->rank() == 0) folder_.discard(state.step);
    throw;
  }
}

void CheckpointSaver::write(const TrainerState& state, const std::vector<SavedPart>& parts) {
  const bool is_first = setup_.group->rank() == 0;
  run_on_all_ranks(*setup_.group, "making the checkpoint's files", [&] {
    if (is_first) create(state);
  });
  run_on_all_ranks(*setup_.group, "writing the checkpoint", [&] {
    std::vector<StoredRange> stored = stored_weights(*setup_.store, setup_.model);
    const auto moments = stored_moments(*setup_.store, setup_.max_file_bytes);
    stored.insert(stored.end(), moments.begin(), moments.end());
    write_parts(folder_.partial_path(state.step), stored, parts);
  });
  run_on_all_ranks(*setup_.group, "committing the checkpoint", [&] {
    if (is_first) commit(state);
  });
}

void CheckpointSaver::create(const TrainerState& state) {
  if (setup_.before_write) setup_.before_write();
  folder_.begin(state.step);
  const auto directory = folder_.partial_path(state.step);
  setup_.model.create(directory, setup_.max_file_bytes);
  save_state(directory, state, setup_.config);
  create_optimizer_files(directory, *setup_.store, setup_.max_file_bytes);
}

void CheckpointSaver::commit(const TrainerState& state) {
  if (setup_.before_write) setup_.before_write();
  const auto path = folder_.commit(state.step);
  core::log_to_file(core::LogLevel::kInfo, "saved " + path.string());
  const CheckpointSection& keep = setup_.options;
  folder_.prune({.keep_last = keep.keep_last,
                 .keep_every_steps = keep.keep_every_steps,
                 .best_step = keep.keep_best ? state.best_step : 0});
}

}  // namespace llm::train
