// Writing heartbeat.json: whole or not at all for readers, but without fsync, and outside the
// operations of io/atomic_file.h that make up a save: a lost beat costs nothing.
#pragma once

#include <filesystem>
#include <optional>

#include "llm/train/heartbeat.h"

namespace llm::train {

// Replaces what is there. Throws: IoError.
void write_heartbeat(const std::filesystem::path& run_directory, const Heartbeat& heartbeat);
// Where there is none, so that of several one wins: the others get what it wrote. Throws: IoError.
std::optional<FoundHeartbeat> write_first_heartbeat(const std::filesystem::path& run_directory,
                                                    const Heartbeat& heartbeat);
// What processes left behind that were killed within a beat.
void remove_unfinished_heartbeats(const std::filesystem::path& run_directory) noexcept;

}  // namespace llm::train
