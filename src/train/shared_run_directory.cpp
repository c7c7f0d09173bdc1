#include "train/shared_run_directory.h"

#include "llm/dist/start_up.h"
#include "train/rank_phase.h"

namespace llm::train {

SharedRunDirectory::SharedRunDirectory(dist::ProcessGroup& group, std::filesystem::path path,
                                       LogSection log)
    : group_(group), path_(std::move(path)), log_(std::move(log)) {}

void SharedRunDirectory::open_existing() {
  const bool exists = group_.rank() == 0 && std::filesystem::is_directory(path_);
  if (group_.all_gather_bytes(exists ? "1" : "", "run directory").front().empty()) return;
  open();
}

void SharedRunDirectory::open() {
  if (is_open_) return;
  run_on_all_ranks(group_, "run directory", [this] {
    if (group_.rank() == 0) own_.emplace(path_, log_, group_.size());
  });
  if (group_.size() > 1) {
    run_on_all_ranks(group_, "run directory",
                     [this] { dist::require_shared_folder(group_, path_); });
  }
  is_open_ = true;
}

}  // namespace llm::train
