// Heartbeats of processes of this host and of others, as such processes would have left them.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "llm/train/heartbeat.h"

namespace llm::test {

inline constexpr double kAnHour = 3600;  // between beats: a test that had to watch would not end

inline train::ProcessIdentity process_of(const std::string& host) {
  train::ProcessIdentity process = train::this_process();
  process.host = host;
  process.boot_id = "boot of " + host;
  process.pid = 4242;
  return process;
}

// Of this host; it has ended.
inline train::ProcessIdentity dead_process() {
  train::ProcessIdentity process = train::this_process();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  process.pid = child;
  return process;
}

inline train::Heartbeat heartbeat_of(const train::ProcessIdentity& owner, train::RunState state,
                                     double seconds) {
  train::Heartbeat heartbeat;
  heartbeat.nonce = "nonce of " + owner.host;
  heartbeat.owner = owner;
  heartbeat.state = state;
  heartbeat.seconds = seconds;
  heartbeat.step = 7;
  heartbeat.total_steps = 20;
  heartbeat.time = train::utc_time();
  heartbeat.folder = "/home/a person";
  heartbeat.command = {"llmtrain", "pretrain", "--config", "run.json"};
  return heartbeat;
}

inline void leave_heartbeat(const std::filesystem::path& run_directory,
                            const train::Heartbeat& heartbeat) {
  std::ofstream(run_directory / train::kHeartbeatName) << train::heartbeat_json(heartbeat).dump();
}

inline train::Heartbeat heartbeat_in(const std::filesystem::path& run_directory) {
  return train::find_heartbeat(run_directory).value().heartbeat.value();
}

}  // namespace llm::test
