// The run directory of all ranks: rank 0 holds it, the others must be able to see it.
#pragma once

#include <filesystem>
#include <optional>

#include "llm/dist/process_group.h"
#include "train/run_directory.h"

namespace llm::train {

class SharedRunDirectory {
 public:
  // Requires: the group outlives it.
  SharedRunDirectory(dist::ProcessGroup& group, std::filesystem::path path, LogSection log);

  // Both are collectives; open() after open_existing() that found a directory does nothing.
  // Throws: what RunDirectory throws, on rank 0, and PeerError on the others; DistError naming the
  // hosts that do not see the directory.
  void open_existing();
  void open();

  // Of rank 0, while it is open; nullptr otherwise.
  RunReporter* reporter() { return own_ ? &own_->reporter() : nullptr; }

 private:
  dist::ProcessGroup& group_;
  std::filesystem::path path_;
  LogSection log_;
  std::optional<RunDirectory> own_;  // of rank 0
  bool is_open_ = false;
};

}  // namespace llm::train
