#include <fmt/format.h>

#include <cerrno>
#include <optional>

#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/checkpoint_list.h"
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

std::optional<io::ManifestProblem> first_problem(const fs::path& directory) {
  for (io::ManifestProblem& problem : io::verify_manifest(directory, /*check_hashes=*/true)) {
    if (problem.fault != io::ManifestFault::kExtra) return std::move(problem);
  }
  return std::nullopt;
}

// The newest checkpoint beside a damaged one whose every byte is right.
std::optional<fs::path> whole_neighbour(const fs::path& damaged) {
  std::vector<io::Checkpoint> others = io::list_checkpoints(damaged.parent_path().parent_path());
  std::erase_if(others, [&](const io::Checkpoint& other) {
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

core::IoError no_checkpoint(const fs::path& run_directory) {
  const auto damaged = io::checkpoints_after(run_directory, -1);
  if (damaged.empty()) {
    return not_a_model(run_directory, "a run without a complete checkpoint",
                       "Train until the first checkpoint is saved");
  }
  return not_a_model(run_directory, "a run without a complete checkpoint",
                     fmt::format("Name {} to see what is wrong with it", damaged.back().string()));
}

}  // namespace

fs::path resolve_model_directory(const fs::path& path) {
  if (!fs::exists(path)) throw not_a_model(path, "no such file or directory", "Check the path.");
  if (!fs::is_directory(path)) {
    throw not_a_model(path, "a file", "Give the directory that holds config.json.");
  }
  if (io::is_run_directory(path)) {
    const auto newest = io::newest_checkpoint(path);
    if (!newest) throw no_checkpoint(path);
    require_manifest(*newest);
    return *newest;
  }
  if (!fs::exists(path / "config.json") && !is_adapter_directory(path)) {
    throw not_a_model(path, "a directory without config.json",
                      "A model directory has config.json and model.safetensors, an adapter "
                      "directory adapter_config.json and adapter_model.safetensors.");
  }
  const bool is_checkpoint = io::checkpoint_step(path.filename().string()) >= 0;
  if (is_checkpoint || fs::exists(path / io::kManifestName)) require_manifest(path);
  return path;
}

}  // namespace llm::convert
