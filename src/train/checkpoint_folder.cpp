#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "llm/core/check.h"
#include "llm/io/file_operations.h"
#include "llm/io/manifest.h"
#include "llm/train/checkpoint.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPartial = ".partial";
constexpr const char* kAbandoned = "abandoned";
constexpr const char* kDamaged = "damaged";

std::vector<fs::path> partial_folders(const fs::path& root) {
  std::vector<fs::path> found;
  if (!fs::is_directory(root)) return found;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == kPartial) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

// "KIND-1", or the first number that is free; empty.
fs::path make_numbered_folder(const fs::path& root, const char* kind) {
  int n = 1;
  while (fs::exists(root / fmt::format("{}-{}", kind, n))) ++n;
  const fs::path folder = root / fmt::format("{}-{}", kind, n);
  io::make_directories(folder);
  return folder;
}

// Returns the new place. On disk from here on, under one of both names at any moment.
fs::path move_into(const fs::path& source, const fs::path& folder) {
  const fs::path target = folder / source.filename();
  io::rename_path(source, target);
  io::sync_directory(folder);
  io::sync_directory(source.parent_path());
  return target;
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path run_directory)
    : root_(std::move(run_directory) / "checkpoints") {}

fs::path CheckpointFolder::path_of(int64_t step) const { return root_ / io::checkpoint_name(step); }

std::vector<io::Checkpoint> CheckpointFolder::list() const {
  return io::list_checkpoints(root_.parent_path());
}

std::vector<fs::path> CheckpointFolder::damaged() const {
  if (!fs::is_directory(root_)) return {};
  std::vector<fs::path> found = io::checkpoints_after(root_.parent_path(), -1);
  std::erase_if(found, [](const fs::path& directory) {
    return io::has_valid_manifest(directory, /*check_hashes=*/false);
  });
  return found;
}

std::optional<io::Checkpoint> CheckpointFolder::newest() const {
  const auto all = list();
  return all.empty() ? std::nullopt : std::optional(all.back());
}

fs::path CheckpointFolder::partial_path(int64_t step) const {
  return path_of(step).string() + kPartial;
}

void CheckpointFolder::begin(int64_t step) {
  io::remove_tree(partial_path(step));
  io::make_directories(partial_path(step) / "trainer");
}

fs::path CheckpointFolder::commit(int64_t step) {
  const fs::path target = path_of(step);
  io::write_manifest(partial_path(step));
  if (fs::exists(target)) move_into(target, make_numbered_folder(root_, kDamaged));
  io::rename_path(partial_path(step), target);
  io::sync_directory(root_);
  saved_step_ = step;
  return target;
}

void CheckpointFolder::discard(int64_t step) noexcept { io::try_remove_tree(partial_path(step)); }

std::vector<io::Checkpoint> CheckpointFolder::prune(const Retention& keep) {
  LLM_CHECK(keep.keep_last >= 1);
  std::vector<io::Checkpoint> removed;
  const auto all = list();
  for (size_t i = 0; i + static_cast<size_t>(keep.keep_last) < all.size(); ++i) {
    const int64_t step = all[i].step;
    const bool is_kept = keep.keep_every_steps > 0 && step % keep.keep_every_steps == 0;
    if (is_kept || step == keep.best_step || step == saved_step_) continue;
    // Under this name it is no checkpoint and no damaged one, should the removal be interrupted.
    io::remove_tree(partial_path(step));
    io::rename_path(all[i].directory, partial_path(step));
    removed.push_back(all[i]);
  }
  if (!removed.empty()) io::sync_directory(root_);
  for (const fs::path& partial : partial_folders(root_)) io::remove_tree(partial);
  return removed;
}

std::vector<SetAside> CheckpointFolder::set_aside_after(int64_t step) {
  std::vector<SetAside> moved;
  if (!fs::is_directory(root_)) return moved;
  std::map<bool, fs::path> folders;  // by whether what it takes is damaged
  for (const fs::path& later : io::checkpoints_after(root_.parent_path(), step)) {
    const bool is_damaged = !io::has_valid_manifest(later, /*check_hashes=*/true);
    fs::path& folder = folders[is_damaged];
    if (folder.empty()) folder = make_numbered_folder(root_, is_damaged ? kDamaged : kAbandoned);
    moved.push_back(
        {io::checkpoint_step(later.filename().string()), move_into(later, folder), is_damaged});
  }
  return moved;
}

}  // namespace llm::train
