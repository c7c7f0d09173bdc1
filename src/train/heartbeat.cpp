#include "llm/train/heartbeat.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::train {

namespace {

constexpr int kHeartbeatFormat = 1;
constexpr std::array kRunStateNames = {"starting", "training", "evaluating", "saving",
                                       "finished", "failed",   "interrupted"};

io::OrderedJson optional_number(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

std::optional<double> number_or_nothing(const io::Json& json, const char* key) {
  const io::Json& value = json.at(key);
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

io::OrderedJson owner_json(const ProcessIdentity& owner) {
  return {{"host", owner.host},
          {"boot_id", owner.boot_id},
          {"pid_namespace", owner.pid_namespace},
          {"pid", owner.pid},
          {"start_ticks", owner.start_ticks}};
}

ProcessIdentity read_owner(const io::Json& json) {
  return {.host = json.at("host"),
          .boot_id = json.at("boot_id"),
          .pid_namespace = json.at("pid_namespace"),
          .pid = json.at("pid"),
          .start_ticks = json.at("start_ticks")};
}

RunState read_state(const std::string& name) {
  for (size_t i = 0; i < kRunStateNames.size(); ++i)
    if (name == kRunStateNames[i]) return static_cast<RunState>(i);
  throw std::out_of_range("unknown state " + name);
}

// Throws: nlohmann's exceptions and out_of_range.
Heartbeat read_heartbeat_json(const io::Json& json) {
  if (json.at("format") != kHeartbeatFormat) throw std::out_of_range("another format");
  Heartbeat h;
  h.nonce = json.at("nonce");
  h.beat = json.at("beat");
  h.seconds = json.at("seconds");
  h.state = read_state(json.at("state"));
  h.owner = read_owner(json.at("owner"));
  h.world_size = json.at("world_size");
  h.step = json.at("step");
  h.total_steps = json.at("total_steps");
  h.loss = number_or_nothing(json, "loss");
  h.eval_loss = number_or_nothing(json, "eval_loss");
  h.tokens_per_second = number_or_nothing(json, "tokens_per_second");
  h.eta_seconds = number_or_nothing(json, "eta_seconds");
  h.step_age_seconds = number_or_nothing(json, "step_age_seconds");
  h.checkpoint_step = json.at("checkpoint_step");
  h.checkpoint = json.at("checkpoint");
  h.time = json.at("time");
  h.folder = json.at("folder");
  h.command = json.at("command").get<std::vector<std::string>>();
  h.error = json.at("error");
  return h;
}

}  // namespace

const char* state_name(RunState state) { return kRunStateNames.at(static_cast<size_t>(state)); }

bool has_ended(RunState state) {
  return state == RunState::kFinished || state == RunState::kFailed ||
         state == RunState::kInterrupted;
}

io::OrderedJson heartbeat_json(const Heartbeat& h) {
  return {{"format", kHeartbeatFormat},
          {"nonce", h.nonce},
          {"beat", h.beat},
          {"seconds", h.seconds},
          {"state", state_name(h.state)},
          {"owner", owner_json(h.owner)},
          {"world_size", h.world_size},
          {"step", h.step},
          {"total_steps", h.total_steps},
          {"loss", optional_number(h.loss)},
          {"eval_loss", optional_number(h.eval_loss)},
          {"tokens_per_second", optional_number(h.tokens_per_second)},
          {"eta_seconds", optional_number(h.eta_seconds)},
          {"step_age_seconds", optional_number(h.step_age_seconds)},
          {"checkpoint_step", h.checkpoint_step},
          {"checkpoint", h.checkpoint},
          {"time", h.time},
          {"folder", h.folder},
          {"command", h.command},
          {"error", h.error}};
}

Heartbeat parse_heartbeat(const std::string& text, const std::string& where) {
  const io::Json json = io::parse_json(text, where);
  try {
    return read_heartbeat_json(json);
  } catch (const std::exception& error) {
    throw core::FormatError({where, "a heartbeat of a run", error.what(),
                             "If no process trains in this directory, delete the file"});
  }
}

std::optional<FoundHeartbeat> find_heartbeat(const std::filesystem::path& run_directory) {
  const auto path = run_directory / kHeartbeatName;
  FoundHeartbeat found;
  try {
    found.text = io::read_file(path);
  } catch (const core::IoError& error) {
    if (error.error_number() == ENOENT || error.error_number() == ENOTDIR) return std::nullopt;
    throw;
  }
  try {
    found.heartbeat = parse_heartbeat(found.text, path.string());
  } catch (const core::FormatError&) {
  }
  return found;
}

std::string utc_time() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time({}))); }

}  // namespace llm::train
