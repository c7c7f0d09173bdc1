#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/manifest.h"
#include "llm/train/checkpoint.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "step-";
constexpr const char* kPartial = ".partial";

std::optional<int64_t> step_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* begin = name.data() + std::string_view(kPrefix).size();
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return step;
}

std::vector<CheckpointInfo> named_checkpoints(const fs::path& root) {
  std::vector<CheckpointInfo> found;
  if (!fs::is_directory(root)) return found;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (const auto step = step_of(entry.path())) found.push_back({*step, entry.path()});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

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

fs::path CheckpointFolder::path_of(int64_t step) const {
  return root_ / fmt::format("{}{:08}", kPrefix, step);
}

std::vector<CheckpointInfo> CheckpointFolder::list() const {
  std::vector<CheckpointInfo> found;
  for (const auto& info : named_checkpoints(root_)) {
    if (io::has_valid_manifest(info.path, /*check_hashes=*/false)) found.push_back(info);
  }
  return found;
}

std::vector<fs::path> CheckpointFolder::damaged() const {
  std::vector<fs::path> found;
  for (const auto& info : named_checkpoints(root_)) {
    if (!io::has_valid_manifest(info.path, /*check_hashes=*/false)) found.push_back(info.path);
  }
  return found;
}

std::optional<CheckpointInfo> CheckpointFolder::newest() const {
  const auto all = list();
  return all.empty() ? std::nullopt : std::optional(all.back());
}

fs::path CheckpointFolder::save(int64_t step, const std::function<void(const fs::path&)>& write) {
  const fs::path target = path_of(step);
  const fs::path partial = target.string() + kPartial;
  fs::remove_all(partial);
  try {
    fs::create_directories(partial / "trainer");
    write(partial);
    io::write_manifest(partial);
    fs::remove_all(target);
    fs::rename(partial, target);
    io::sync_directory(root_);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw;
  }
  saved_step_ = step;
  return target;
}

void CheckpointFolder::prune(int64_t keep_last, int64_t best_step) {
  const auto all = list();
  const auto keep = static_cast<size_t>(keep_last);
  for (size_t i = 0; i + keep < all.size(); ++i) {
    if (all[i].step == best_step || all[i].step == saved_step_) continue;
    // Without its manifest the directory no longer counts as a checkpoint, should the removal be
    // interrupted.
    fs::remove(all[i].path / io::kManifestName);
    fs::remove_all(all[i].path);
  }
  if (!fs::is_directory(root_)) return;
  for (const auto& entry : fs::directory_iterator(root_)) {
    if (entry.path().extension() == kPartial) fs::remove_all(entry.path());
  }
}

std::vector<CheckpointInfo> CheckpointFolder::set_aside_after(int64_t step) {
  std::vector<CheckpointInfo> later = list();
  std::erase_if(later, [&](const CheckpointInfo& info) { return info.step <= step; });
  if (later.empty()) return later;
  const fs::path folder = unused_folder(root_);
  for (CheckpointInfo& info : later) {
    move_into(info.path, folder);
    info.path = folder / info.path.filename();
  }
  io::sync_directory(root_);
  return later;
}

}  // namespace llm::train
