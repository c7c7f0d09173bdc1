// RUN/heartbeat.json: who trains in a run directory and how far it is. Rank 0 replaces the file
// every few seconds; it is the run's lease (src/train/run_lease.h) and what `llmtrain status`
// reads.
//
//   {"format": 1, "nonce": "HEX of this process", "beat": 17, "seconds": 5, "state": "training",
//    "owner": {"host", "boot_id", "pid_namespace", "pid", "start_ticks"},
//    "world_size", "step", "total_steps", "loss", "eval_loss", "tokens_per_second", "eta_seconds",
//    "step_age_seconds", "checkpoint_step", "checkpoint", "time": "2026-01-31T12:00:00Z",
//    "folder", "command": [...], "error"}
//
// `time` is for people: nothing is decided by comparing the clocks of two hosts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/io/json.h"

namespace llm::train {

inline constexpr const char* kHeartbeatName = "heartbeat.json";

// A process, so that its number means something later and elsewhere.
struct ProcessIdentity {
  std::string host;
  std::string boot_id;        // of the host's kernel since it was started
  std::string pid_namespace;  // numbers of processes count within one
  int64_t pid = 0;
  int64_t start_ticks = 0;  // since the boot; tells a process from a later one of the same number

  // Whether the numbers of both mean the same processes.
  bool is_beside(const ProcessIdentity& other) const;
  bool operator==(const ProcessIdentity&) const = default;
};
// "process 12 on node1".
std::string process_name(const ProcessIdentity& process);
ProcessIdentity this_process();
// Whether it runs. Requires: it is beside this process.
bool is_alive(const ProcessIdentity& process);

enum class RunState {
  kStarting,
  kTraining,
  kEvaluating,
  kSaving,
  kFinished,
  kFailed,
  kInterrupted
};
const char* state_name(RunState state);
bool has_ended(RunState state);

struct Heartbeat {
  std::string nonce;
  int64_t beat = 0;
  double seconds = 5;  // from beat to beat
  RunState state = RunState::kStarting;
  ProcessIdentity owner;
  int64_t world_size = 1;
  int64_t step = 0;
  int64_t total_steps = 0;  // 0: not known yet
  std::optional<double> loss;
  std::optional<double> eval_loss;
  std::optional<double> tokens_per_second;
  std::optional<double> eta_seconds;
  std::optional<double> step_age_seconds;  // how long ago the last step ended
  int64_t checkpoint_step = -1;            // -1: none yet
  std::string checkpoint;
  std::string time;    // UTC, ISO 8601, of this beat
  std::string folder;  // where the command was given
  std::vector<std::string> command;
  std::string error;  // of a failed run
};

io::OrderedJson heartbeat_json(const Heartbeat& heartbeat);
// Throws: FormatError naming `where`.
Heartbeat parse_heartbeat(const std::string& text, const std::string& where);

// What a run directory holds.
struct FoundHeartbeat {
  std::string text;                    // of the file
  std::optional<Heartbeat> heartbeat;  // nothing when the text is none: a crash left it behind
};
// Nothing when there is no such file. Throws: IoError.
std::optional<FoundHeartbeat> find_heartbeat(const std::filesystem::path& run_directory);

// Now, in UTC: "2026-01-31T12:00:00Z".
std::string utc_time();
// The command line of this process without what may be secret: the value of log.webhook.
std::vector<std::string> own_command();

}  // namespace llm::train
