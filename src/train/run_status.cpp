#include "llm/train/run_status.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "llm/core/error.h"
#include "llm/io/json.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr double kStatusBeats = 2.2;
constexpr double kSilentBeats = 3.5;

void require_run(const fs::path& directory) {
  for (const char* of_a_run : {kHeartbeatName, "checkpoints", "metrics.jsonl"})
    if (fs::exists(directory / of_a_run)) return;
  throw core::DataError({directory.string(), "the directory of a run",
                         fs::exists(directory) ? "one without a run" : "no such directory",
                         "Name the folder that llmtrain was given as --run-dir"});
}

double age_of(const fs::path& path) {
  std::error_code unknown;
  const auto time = fs::last_write_time(path, unknown);
  if (unknown) return 0;
  const auto age = fs::file_time_type::clock::now() - time;
  return std::max(0.0, std::chrono::duration<double>(age).count());
}

// Of a run that was made before there were heartbeats, or copied without its own.
Heartbeat read_metrics(const fs::path& directory) {
  Heartbeat heartbeat;
  std::ifstream lines(directory / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const io::Json json = io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) continue;
    const auto read = [&](const char* key, std::optional<double>& value) {
      if (json.contains(key) && json[key].is_number()) value = json[key].get<double>();
    };
    read("loss", heartbeat.loss);
    read("eval_loss", heartbeat.eval_loss);
    if (json.contains("step") && json["step"].is_number_integer()) heartbeat.step = json["step"];
  }
  return heartbeat;
}

// Whether another host's file changes while one looks.
bool beats(const fs::path& directory, FoundHeartbeat& found, const StatusOptions& options) {
  const double seconds = kStatusBeats * found.heartbeat->seconds;
  if (options.on_watch) options.on_watch(*found.heartbeat, seconds);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  const std::chrono::duration<double> pause(std::min(0.5, seconds / 10));
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(pause);
    auto now = find_heartbeat(directory);
    if (!now || !now->heartbeat || now->text == found.text) continue;
    found = std::move(*now);
    return true;
  }
  return false;
}

void judge_life(RunStatus& status, FoundHeartbeat& found, const StatusOptions& options) {
  const bool has_ended_already = has_ended(found.heartbeat->state);
  const bool is_here = found.heartbeat->owner.is_beside(options.self);
  if (!has_ended_already) {
    status.is_running =
        is_here ? is_alive(found.heartbeat->owner) : beats(status.directory, found, options);
  }
  const bool ended_now = has_ended(found.heartbeat->state);
  if (ended_now) status.is_running = false;
  status.state = status.is_running || ended_now ? state_name(found.heartbeat->state) : "dead";
  status.heartbeat = *found.heartbeat;
  status.beat_age_seconds = age_of(status.directory / kHeartbeatName);
  status.is_silent = status.is_running && is_here &&
                     *status.beat_age_seconds > kSilentBeats * found.heartbeat->seconds;
}

void find_checkpoint(RunStatus& status) {
  auto checkpoints = io::list_checkpoints(status.directory);
  if (checkpoints.empty()) return;
  status.checkpoint = checkpoints.back();
  // The last beat may be older than what was saved.
  status.heartbeat.step = std::max(status.heartbeat.step, status.checkpoint->step);
  status.checkpoint_age_seconds = age_of(checkpoints.back().directory / "manifest.json");
}

bool starts_ranks(const std::vector<std::string>& command) {
  for (const std::string& argument : command)
    if (argument == "--ranks" || argument.starts_with("--ranks=")) return true;
  return false;
}

bool lacks_webhook(const std::vector<std::string>& command) {
  for (const std::string& argument : command)
    if (argument.ends_with("log.webhook=")) return true;
  return false;
}

std::string command_of(const Heartbeat& heartbeat) {
  if (heartbeat.command.empty()) return "";
  std::string text = heartbeat.folder.empty() ? "" : "cd " + shell_quoted(heartbeat.folder) + " &&";
  for (const std::string& argument : heartbeat.command)
    text += (text.empty() ? "" : " ") + shell_quoted(argument);
  return text;
}

std::string advice_for(const RunStatus& status) {
  const Heartbeat& h = status.heartbeat;
  if (status.is_silent) {
    return fmt::format(
        "process {} lives but gives no sign of life: it is stopped (kill -CONT {}), "
        "or its disk does not answer",
        h.owner.pid, h.owner.pid);
  }
  if (status.is_running) return "";
  if (status.state == state_name(RunState::kFinished))
    return "talk to it: llmchat --model " + shell_quoted(status.directory.string());
  const std::string from = status.checkpoint
                               ? fmt::format("goes on after step {}", status.checkpoint->step)
                               : "starts from the beginning: there is no checkpoint yet";
  std::string advice = "the same command " + from;
  if (h.world_size > 1 && !starts_ranks(h.command))
    advice += fmt::format("; it ran on {} ranks of a launcher such as mpirun", h.world_size);
  if (lacks_webhook(h.command)) advice += "; give log.webhook again, which is kept nowhere";
  return advice;
}

}  // namespace

std::string shell_quoted(const std::string& argument) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) return argument;
  std::string quoted = "'";
  for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

RunStatus look_at_run(const fs::path& run_directory, const StatusOptions& options) {
  RunStatus status;
  status.directory = run_directory;
  require_run(run_directory);
  auto found = find_heartbeat(run_directory);
  if (found && found->heartbeat) {
    judge_life(status, *found, options);
  } else {
    status.state = "unknown";
    status.heartbeat = read_metrics(run_directory);
  }
  find_checkpoint(status);
  status.advice = advice_for(status);
  const bool can_go_on = !status.is_running && status.state != state_name(RunState::kFinished);
  if (can_go_on) status.command = command_of(status.heartbeat);
  return status;
}

}  // namespace llm::train
