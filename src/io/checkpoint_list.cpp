#include "llm/io/checkpoint_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "llm/core/log.h"
#include "llm/io/manifest.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";

fs::path checkpoint_folder(const fs::path& run_directory) { return run_directory / "checkpoints"; }

}  // namespace

bool is_run_directory(const fs::path& directory) {
  return fs::is_directory(checkpoint_folder(directory));
}

std::string checkpoint_name(int64_t step) { return fmt::format("{}{:08}", kPrefix, step); }

int64_t checkpoint_step(const std::string& name) {
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + 8) return -1;
  int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return error == std::errc() && stop == end ? step : -1;
}

std::vector<Checkpoint> list_checkpoints(const fs::path& run_directory) {
  std::vector<Checkpoint> checkpoints;
  if (!is_run_directory(run_directory)) return checkpoints;
  for (const auto& entry : fs::directory_iterator(checkpoint_folder(run_directory))) {
    const int64_t step = checkpoint_step(entry.path().filename().string());
    if (step < 0 || !entry.is_directory()) continue;
    if (has_valid_manifest(entry.path(), false)) checkpoints.push_back({step, entry.path()});
  }
  std::ranges::sort(checkpoints, {}, &Checkpoint::step);
  return checkpoints;
}

std::vector<fs::path> checkpoints_after(const fs::path& run_directory, int64_t step) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(checkpoint_folder(run_directory))) {
    const bool is_later = checkpoint_step(entry.path().filename().string()) > step;
    if (is_later && entry.is_directory()) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::optional<fs::path> newest_checkpoint(const fs::path& run_directory) {
  const std::vector<Checkpoint> checkpoints = list_checkpoints(run_directory);
  if (checkpoints.empty()) return std::nullopt;
  const Checkpoint& chosen = checkpoints.back();
  for (const fs::path& left_out : checkpoints_after(run_directory, chosen.step)) {
    core::log_warn("{} is incomplete or damaged and is left out; {} is used", left_out.string(),
                   chosen.directory.filename().string());
  }
  return chosen.directory;
}

}  // namespace llm::io
