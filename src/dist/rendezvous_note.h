// The note by which rank 0 tells the other ranks of its host where its store listens: a file in
// the temporary directory, "PORT PID START JOB\n", private to the user.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "llm/dist/launch.h"

namespace llm::dist {

// What all ranks of a launch on one host have in common and other launches have not: the launcher's
// name of the job, or the process that started them all.
std::string job_key(const LaunchEnvironment& launch);

std::filesystem::path note_path(const std::filesystem::path& directory, const std::string& job_key);

// Written at once or not at all, removed at the end.
class RendezvousNote {
 public:
  // Throws: DistError when it cannot be written.
  RendezvousNote(std::filesystem::path path, int port, const std::string& job_key);
  ~RendezvousNote();
  RendezvousNote(const RendezvousNote&) = delete;
  RendezvousNote& operator=(const RendezvousNote&) = delete;

 private:
  std::filesystem::path path_;
};

// Waits for a note of this job, by this user, whose writer is alive, and returns its port.
// Throws: DistError at the time limit.
int read_note(const std::filesystem::path& path, const std::string& job_key,
              std::chrono::milliseconds timeout);

}  // namespace llm::dist
