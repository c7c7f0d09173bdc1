#include <fmt/format.h>
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/manifest.h"
#include "llm/train/checkpoint.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPartial = ".partial";

fs::path unused_folder(const fs::path& root) {
  for (int n = 1;; ++n) {
    const fs::path folder = root / fmt::format("abandoned-{}", n);
    if (!fs::exists(folder)) return folder;
  }
}

void move_into(const fs::path& source, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::rename(source, folder / source.filename(), error);
  if (!error) return;
  throw core::IoError({source.string(), "a checkpoint that can be moved to " + folder.string(),
                       error.message(), "Check the permissions of the run directory"},
                      error.value());
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
  fs::remove_all(partial_path(step));
  fs::create_directories(partial_path(step) / "trainer");
}

fs::path CheckpointFolder::commit(int64_t step) {
  const fs::path target = path_of(step);
  io::write_manifest(partial_path(step));
  fs::remove_all(target);
  fs::rename(partial_path(step), target);
  io::sync_directory(root_);
  saved_step_ = step;
  return target;
}

void CheckpointFolder::discard(int64_t step) noexcept {
  std::error_code ignored;
  fs::remove_all(partial_path(step), ignored);
}

std::vector<io::Checkpoint> CheckpointFolder::prune(const Retention& keep) {
  LLM_CHECK(keep.keep_last >= 1);
  std::vector<io::Checkpoint> removed;
  const auto all = list();
  for (size_t i = 0; i + static_cast<size_t>(keep.keep_last) < all.size(); ++i) {
    const int64_t step = all[i].step;
    const bool is_kept = keep.keep_every_steps > 0 && step % keep.keep_every_steps == 0;
    if (is_kept || step == keep.best_step || step == saved_step_) continue;
    // Without its manifest the directory no longer counts as a checkpoint, should the removal be
    // interrupted.
    fs::remove(all[i].directory / io::kManifestName);
    fs::remove_all(all[i].directory);
    removed.push_back(all[i]);
  }
  if (!fs::is_directory(root_)) return removed;
  for (const auto& entry : fs::directory_iterator(root_)) {
    if (entry.path().extension() == kPartial) fs::remove_all(entry.path());
  }
  return removed;
}

std::vector<io::Checkpoint> CheckpointFolder::set_aside_after(int64_t step) {
  std::vector<io::Checkpoint> later = list();
  std::erase_if(later, [&](const io::Checkpoint& info) { return info.step <= step; });
  if (later.empty()) return later;
  const fs::path folder = unused_folder(root_);
  for (io::Checkpoint& info : later) {
    move_into(info.directory, folder);
    info.directory = folder / info.directory.filename();
  }
  io::sync_directory(root_);
  return later;
}

}  // namespace llm::train
