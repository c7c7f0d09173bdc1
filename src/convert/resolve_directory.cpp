#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/manifest.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

core::IoError not_a_model(const fs::path& path, const std::string& got, const std::string& hint) {
  return core::IoError({.where = path.string(),
                        .expected = "a model directory, a checkpoint or a run directory",
                        .got = got,
                        .hint = hint},
                       ENOENT);
}

// The number of "step-00000100"; -1 for another name.
int64_t parse_step(const std::string& name) {
  const std::string prefix = "step-";
  if (!name.starts_with(prefix) || name.size() < prefix.size() + 8) return -1;
  int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, step);
  return error == std::errc() && stop == end ? step : -1;
}

std::optional<io::ManifestProblem> first_problem(const fs::path& directory) {
  for (io::ManifestProblem& problem : io::verify_manifest(directory, /*check_hashes=*/true)) {
    if (problem.fault != io::ManifestFault::kExtra) return std::move(problem);
  }
  return std::nullopt;
}

// The newest checkpoint beside a damaged one whose every byte is right.
std::optional<fs::path> whole_neighbour(const fs::path& damaged) {
  std::vector<Checkpoint> others = list_checkpoints(damaged.parent_path().parent_path());
  std::erase_if(others, [&](const Checkpoint& other) {
    return other.directory.filename() == damaged.filename();
  });
  for (auto other = others.rbegin(); other != others.rend(); ++other) {
    if (!first_problem(other->directory)) return other->directory;
  }
  return std::nullopt;
}

std::string advice_for(const fs::path& damaged) {
  const auto whole = whole_neighbour(damaged);
  const std::string first =
      whole ? fmt::format(
                  "{} is whole: name it in place of this one, or as --resume to train on from it",
                  whole->string())
            : "No whole checkpoint lies beside it";
  return first +
         ". If you changed this file on purpose, copy the directory to another name without "
         "manifest.json: it is then read as a plain model";
}

void require_manifest(const fs::path& directory) {
  const auto problem = first_problem(directory);
  if (!problem) return;
  throw core::FormatError({.where = directory.string(),
                           .expected = "a complete checkpoint",
                           .got = problem->message,
                           .hint = advice_for(directory)});
}

// Directories named like checkpoints of later steps than `step`.
std::vector<fs::path> named_after(const fs::path& folder, int64_t step) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const bool is_later = parse_step(entry.path().filename().string()) > step;
    if (is_later && entry.is_directory()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

core::IoError no_checkpoint(const fs::path& run_directory) {
  const auto damaged = named_after(run_directory / "checkpoints", -1);
  if (damaged.empty()) {
    return not_a_model(run_directory, "a run without a complete checkpoint",
                       "Train until the first checkpoint is saved");
  }
  return not_a_model(run_directory, "a run without a complete checkpoint",
                     fmt::format("Name {} to see what is wrong with it", damaged.back().string()));
}

fs::path newest_checkpoint(const fs::path& run_directory) {
  const std::vector<Checkpoint> checkpoints = list_checkpoints(run_directory);
  if (checkpoints.empty()) throw no_checkpoint(run_directory);
  const Checkpoint& chosen = checkpoints.back();
  for (const fs::path& left_out : named_after(run_directory / "checkpoints", chosen.step)) {
    core::log_warn("{} is incomplete or damaged and is left out; {} is used", left_out.string(),
                   chosen.directory.filename().string());
  }
  return chosen.directory;
}

}  // namespace

std::vector<Checkpoint> list_checkpoints(const fs::path& run_directory) {
  std::vector<Checkpoint> checkpoints;
  const fs::path folder = run_directory / "checkpoints";
  if (!fs::is_directory(folder)) return checkpoints;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int64_t step = parse_step(entry.path().filename().string());
    if (step < 0 || !entry.is_directory()) continue;
    if (io::has_valid_manifest(entry.path(), false)) checkpoints.push_back({step, entry.path()});
  }
  std::sort(checkpoints.begin(), checkpoints.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.step < b.step; });
  return checkpoints;
}

fs::path resolve_model_directory(const fs::path& path) {
  if (!fs::exists(path)) throw not_a_model(path, "no such file or directory", "Check the path.");
  if (!fs::is_directory(path)) {
    throw not_a_model(path, "a file", "Give the directory that holds config.json.");
  }
  if (fs::is_directory(path / "checkpoints")) {
    const fs::path newest = newest_checkpoint(path);
    require_manifest(newest);
    return newest;
  }
  if (!fs::exists(path / "config.json") && !is_adapter_directory(path)) {
    throw not_a_model(path, "a directory without config.json",
                      "A model directory has config.json and model.safetensors, an adapter "
                      "directory adapter_config.json and adapter_model.safetensors.");
  }
  const bool is_checkpoint = parse_step(path.filename().string()) >= 0;
  if (is_checkpoint || fs::exists(path / io::kManifestName)) require_manifest(path);
  return path;
}

}  // namespace llm::convert
