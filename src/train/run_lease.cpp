#include "train/run_lease.h"

#include <fmt/format.h>

#include <random>

#include "llm/core/format.h"
#include "llm/core/log.h"
#include "train/heartbeat_file.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr double kWatchedBeats = 3.5;

std::string random_nonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

std::string owner_name(const FoundHeartbeat& found) {
  return found.heartbeat ? process_name(found.heartbeat->owner) : "an unknown process";
}

core::ConfigError lease_taken(const fs::path& directory, const std::string& owner) {
  return core::ConfigError({directory.string(), "a run directory that no other process trains in",
                            owner + ", which trains in it",
                            "Wait for that process, stop it, or choose another directory"});
}

// Whether the file changed within the time; `found` is then what it holds now.
bool moves(const fs::path& directory, FoundHeartbeat& found, double seconds) {
  const auto end = SteadyClock::now() + std::chrono::duration<double>(seconds);
  const std::chrono::duration<double> pause(std::min(1.0, seconds / 14));
  while (SteadyClock::now() < end) {
    std::this_thread::sleep_for(pause);
    auto now = find_heartbeat(directory);
    if (!now || now->text == found.text) continue;
    found = std::move(*now);
    return true;
  }
  return false;
}

// Of a heartbeat that only its movement can tell about.
FreeLease watch(const fs::path& directory, FoundHeartbeat found, const LeaseOptions& options) {
  const double beat = found.heartbeat ? found.heartbeat->seconds : options.beat_seconds;
  const double seconds = kWatchedBeats * beat;
  core::log_info("{} is of {}: looking for {} whether it lives",
                 (directory / kHeartbeatName).string(), owner_name(found),
                 core::format_duration(seconds));
  if (!moves(directory, found, seconds)) {
    core::log_warn("{} gave no sign of life: its run is taken for dead", owner_name(found));
    return {found, true};
  }
  if (found.heartbeat && has_ended(found.heartbeat->state)) return {found, false};
  throw lease_taken(directory, owner_name(found));
}

}  // namespace

FreeLease require_no_lease(const fs::path& run_directory, const LeaseOptions& options) {
  const auto found = find_heartbeat(run_directory);
  if (!found) return {};
  if (!found->heartbeat) return watch(run_directory, *found, options);
  const Heartbeat& heartbeat = *found->heartbeat;
  if (has_ended(heartbeat.state)) return {found, false};
  if (!heartbeat.owner.is_beside(options.self)) return watch(run_directory, *found, options);
  if (is_alive(heartbeat.owner)) throw lease_taken(run_directory, owner_name(*found));
  return {found, false};
}

RunLease::RunLease(fs::path run_directory, const LeaseOptions& options)
    : directory_(std::move(run_directory)),
      nonce_(random_nonce()),
      interval_(options.beat_seconds) {
  const FreeLease free = require_no_lease(directory_, options);
  if (free.found && free.found->heartbeat) heartbeat_ = *free.found->heartbeat;
  heartbeat_.nonce = nonce_;
  heartbeat_.beat = 0;
  heartbeat_.seconds = options.beat_seconds;
  heartbeat_.state = RunState::kStarting;
  heartbeat_.owner = options.self;
  heartbeat_.world_size = options.world_size;
  heartbeat_.tokens_per_second.reset();
  heartbeat_.eta_seconds.reset();
  heartbeat_.folder = fs::current_path().string();
  heartbeat_.command = own_command();
  heartbeat_.error.clear();
  take(free);
  start_thread();
}

void RunLease::take(const FreeLease& free) {
  remove_unfinished_heartbeats(directory_);
  try {
    const auto now = find_heartbeat(directory_);
    if (now && (!free.found || now->text != free.found->text))
      throw lease_taken(directory_, owner_name(*now));
    if (now) {
      write();
    } else {
      heartbeat_.time = utc_time();
      const auto other = write_first_heartbeat(directory_, heartbeat_);
      if (other) throw lease_taken(directory_, owner_name(*other));
    }
  } catch (const core::IoError& error) {
    return warn_once(error.what());
  }
  if (!free.is_abandoned) return;
  // Another that took it over meanwhile has written its nonce over ours, or will find ours.
  std::this_thread::sleep_for(interval_);
  if (!look()) throw lease_taken(directory_, taken_by_);
}

void RunLease::start_thread() {
  thread_ = std::thread([this] {
    std::unique_lock lock(stop_mutex_);
    while (!stop_.wait_for(lock, interval_, [this] { return is_stopping_; })) {
      lock.unlock();
      beat();
      lock.lock();
    }
  });
}

RunLease::~RunLease() {
  {
    const std::lock_guard lock(stop_mutex_);
    is_stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
  change([](Heartbeat& h) {
    if (!has_ended(h.state)) h.state = RunState::kInterrupted;
    h.tokens_per_second.reset();
    h.eta_seconds.reset();
  });
  beat();
}

void RunLease::change(const std::function<void(Heartbeat&)>& change) {
  const std::lock_guard lock(heartbeat_mutex_);
  const int64_t step = heartbeat_.step;
  change(heartbeat_);
  if (heartbeat_.step != step) last_step_ = SteadyClock::now();
}

void RunLease::beat() {
  const std::lock_guard lock(file_mutex_);
  if (is_lost_) return;
  try {
    if (look()) write();
  } catch (const std::exception& error) {
    warn_once(error.what());
  }
}

// Whether the lease is still ours; a file that somebody removed is nobody else's.
bool RunLease::look() {
  const auto found = find_heartbeat(directory_);
  if (!found || !found->heartbeat || found->heartbeat->nonce == nonce_) return true;
  taken_by_ = process_name(found->heartbeat->owner);
  is_lost_ = true;
  return false;
}

void RunLease::write() {
  Heartbeat now;
  {
    const std::lock_guard lock(heartbeat_mutex_);
    ++heartbeat_.beat;
    heartbeat_.time = utc_time();
    heartbeat_.step_age_seconds.reset();
    if (last_step_) {
      heartbeat_.step_age_seconds =
          std::chrono::duration<double>(SteadyClock::now() - *last_step_).count();
    }
    now = heartbeat_;
  }
  write_heartbeat(directory_, now);
}

void RunLease::require_held() {
  const std::lock_guard lock(file_mutex_);
  try {
    if (!is_lost_ && look()) return;
  } catch (const core::IoError& error) {
    return warn_once(error.what());
  }
  throw LeaseLostError({directory_.string(), "a run directory that this process holds",
                        taken_by_ + ", which took it over",
                        "This host was thought dead: it gave no sign of life for three beats "
                        "(log.heartbeat_seconds). The run goes on there"});
}

void RunLease::warn_once(const std::string& problem) {
  if (has_warned_) return;
  has_warned_ = true;
  core::log_warn("the sign of life of this run cannot be written (training goes on): {}", problem);
}

}  // namespace llm::train
