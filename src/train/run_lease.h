// Who may change a run directory, also where hosts share it over a file system without locks.
//
// The holder's nonce stands in RUN/heartbeat.json, which a thread of its own replaces at every
// beat. Whoever finds the file
//   of an ended run                               takes it at once;
//   of a process of this host that is gone        takes it at once;
//   of a process of this host that lives          is refused;
//   of another host, or cannot read it            watches it for more than three beats on its own
//                                                 steady clock: it changes: refused; it stands
//                                                 still: takes it, waits a beat and reads it back,
//                                                 so that of two that take it one goes on.
// A holder that finds another's nonce has lost it and never writes to the file again. The file lock
// of the directory (run_directory.h) is taken first and settles the common case.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "llm/core/error.h"
#include "llm/train/heartbeat.h"

namespace llm::train {

// Another process took the run directory over. Exit code 1.
class LeaseLostError : public core::Error {
  using Error::Error;
};

struct LeaseOptions {
  double beat_seconds = 5;
  int64_t world_size = 1;
  ProcessIdentity self = this_process();
};

// A heartbeat that keeps nobody out.
struct FreeLease {
  std::optional<FoundHeartbeat> found;  // nothing: there is none
  bool is_abandoned = false;            // it stands still; all others can be known to have ended
};
// Throws: ConfigError naming the process that trains in the directory. May wait for three beats and
// more.
FreeLease require_no_lease(const std::filesystem::path& run_directory, const LeaseOptions& options);

class RunLease {
 public:
  // Takes the lease. What is known of the run's progress is carried over from the file. A disk that
  // cannot be written is a warning, as at every beat. Throws: ConfigError as require_no_lease.
  RunLease(std::filesystem::path run_directory, const LeaseOptions& options);
  // The last beat; a run that did not say how it ended was interrupted.
  ~RunLease();
  RunLease(const RunLease&) = delete;
  RunLease& operator=(const RunLease&) = delete;

  // What the next beat says. Thread-safe; never waits for the disk.
  void change(const std::function<void(Heartbeat&)>& change);
  // Beats now.
  void beat();

  // At the last beat. Thread-safe.
  bool is_lost() const { return is_lost_; }
  // Reads the file. Throws: LeaseLostError naming who has the lease.
  void require_held();

 private:
  void take(const FreeLease& free);
  void start_thread();
  bool look();
  void write();
  void warn_once(const std::string& problem);

  std::filesystem::path directory_;
  std::string nonce_;
  std::chrono::duration<double> interval_;

  std::mutex heartbeat_mutex_;  // of the two below
  Heartbeat heartbeat_;
  std::optional<std::chrono::steady_clock::time_point> last_step_;

  std::mutex file_mutex_;  // one beat at a time
  bool has_warned_ = false;
  std::string taken_by_;
  std::atomic<bool> is_lost_ = false;

  std::mutex stop_mutex_;
  std::condition_variable stop_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace llm::train
