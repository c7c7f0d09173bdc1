// What a run directory says about its run, from this host or another: running, ended, dead. Reads
// only.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "llm/io/checkpoint_list.h"
#include "llm/train/heartbeat.h"

namespace llm::train {

struct StatusOptions {
  ProcessIdentity self = this_process();
  // Told how long the run of another host will be watched.
  std::function<void(const Heartbeat& heartbeat, double seconds)> on_watch;
};

struct RunStatus {
  std::filesystem::path directory;
  // A state_name(); "dead": it did not end, but its process is gone or its heartbeat stands still;
  // "unknown": a run that keeps no heartbeat.
  std::string state;
  bool is_running = false;
  // Its process lives, and yet has written no beat for longer than three: it is stopped, or its
  // disk does not answer. Known on its host alone.
  bool is_silent = false;
  Heartbeat heartbeat;                       // without one, what metrics.jsonl says
  std::optional<double> beat_age_seconds;    // by the time of the file; for people
  std::optional<io::Checkpoint> checkpoint;  // the newest complete one
  std::optional<double> checkpoint_age_seconds;
  std::string advice;   // what to do, one sentence; "" while it runs well
  std::string command;  // for a shell: what goes on with a run that ended or died; may be ""
};

// For a heartbeat of another host this takes the time of two beats. Throws: DataError when the
// directory holds no run; IoError.
RunStatus look_at_run(const std::filesystem::path& run_directory,
                      const StatusOptions& options = {});

// One argument of a shell's command line, quoted where it has to be.
std::string shell_quoted(const std::string& argument);

}  // namespace llm::train
