// The checkpoints of a run directory: RUN/checkpoints/step-NNNNNNNN, each with a manifest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace llm::io {

// Whether it has a folder "checkpoints".
bool is_run_directory(const std::filesystem::path& directory);

// "step-00000100".
std::string checkpoint_name(int64_t step);
// The number in such a name; -1 for another one.
int64_t checkpoint_step(const std::string& name);

// Those with a valid manifest (sizes, not contents), ascending by step; what has no valid manifest
// does not exist. Empty when the run has none.
struct Checkpoint {
  int64_t step = 0;
  std::filesystem::path directory;
};
std::vector<Checkpoint> list_checkpoints(const std::filesystem::path& run_directory);

// Directories named like checkpoints of later steps than `step`, valid or not.
std::vector<std::filesystem::path> checkpoints_after(const std::filesystem::path& run_directory,
                                                     int64_t step);

// The last of list_checkpoints; a warning of the log names those after it.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& run_directory);

}  // namespace llm::io
