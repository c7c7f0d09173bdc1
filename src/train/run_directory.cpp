#include "train/run_directory.h"

#include <fmt/format.h>

#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/train/checkpoint.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = ".lock";
constexpr const char* kLogName = "log.txt";

// A run writes config.json; in a model's own directory it would take the model's place.
void require_no_model(const fs::path& path) {
  for (const char* of_a_run : {kLockName, "metrics.jsonl", "checkpoints"})
    if (fs::exists(path / of_a_run)) return;
  for (const char* of_a_model :
       {"config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json"}) {
    if (!fs::exists(path / of_a_model)) continue;
    throw core::ConfigError({path.string(), "a new directory, or one of a run",
                             fmt::format("a directory with {}, which no run made", of_a_model),
                             "Choose another --run-dir; to train a model further, name it under "
                             "model.init_from"});
  }
}

const fs::path& checked(const fs::path& path) {
  require_no_model(path);
  return path;
}

// While the lock is held: who opened its file before it went cannot get it, who comes later makes
// a new one, and the directory stays.
void empty_if_unused(const fs::path& path) {
  std::error_code unused;
  for (const auto& entry : fs::directory_iterator(path, unused)) {
    const auto name = entry.path().filename();
    if (name != kLockName && name != kLogName && name != kHeartbeatName) return;
  }
  for (const char* name : {kHeartbeatName, kLogName, kLockName}) fs::remove(path / name, unused);
}

}  // namespace

io::FileLock lock_run(const fs::path& run_directory) {
  io::FileLock lock(run_directory / kLockName);
  require_no_lease(run_directory, {});
  return lock;
}

RunDirectory::RunDirectory(const fs::path& path, const LogSection& log, int64_t world_size)
    : path_(checked(path)), folders_(path), lock_(path / kLockName) {
  reporter_.emplace(path, log, world_size);
  core::set_log_file(
      (path / kLogName).string(),
      {.max_bytes = static_cast<uint64_t>(log.max_mib) << 20, .keep_files = log.keep_files});
}

RunDirectory::~RunDirectory() {
  const bool is_ours = !reporter_->has_lost_lease();
  reporter_.reset();
  core::set_log_file("");
  if (is_ours && !folders_.empty()) empty_if_unused(path_);
}

}  // namespace llm::train
