#include <fmt/format.h>

#include <memory>

#include "common/table.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/train/run_status.h"
#include "llmtrain/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kStatusExamples =
    "  llmtrain status runs/first            is it running, how far is it, what to do\n"
    "  llmtrain status runs/first --json\n"
    "It also works for a run of another host in a shared directory, whose heartbeat is then "
    "watched "
    "for two beats.";

io::OrderedJson known(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

io::OrderedJson status_json(const train::RunStatus& status) {
  io::OrderedJson json = {{"directory", status.directory.string()},
                          {"state", status.state},
                          {"running", status.is_running},
                          {"silent", status.is_silent},
                          {"beat_age_seconds", known(status.beat_age_seconds)}};
  json["checkpoint"] = io::OrderedJson();
  if (status.checkpoint) {
    json["checkpoint"] = {{"step", status.checkpoint->step},
                          {"directory", status.checkpoint->directory.string()},
                          {"age_seconds", known(status.checkpoint_age_seconds)}};
  }
  json["heartbeat"] = train::heartbeat_json(status.heartbeat);
  json["advice"] = status.advice;
  json["command"] = status.command;
  return json;
}

std::string state_text(const train::RunStatus& status) {
  if (status.state == "dead") return "dead: its process is gone, or gives no sign of life";
  if (status.state == "unknown") return "unknown: there is no heartbeat";
  return status.is_silent ? status.state + ", but without a sign of life" : status.state;
}

std::string process_text(const train::Heartbeat& heartbeat) {
  std::string text = process_name(heartbeat.owner);
  if (heartbeat.world_size > 1)
    text += fmt::format(", the first of {} ranks", heartbeat.world_size);
  return text;
}

std::string step_text(const train::RunStatus& status) {
  const train::Heartbeat& h = status.heartbeat;
  if (h.total_steps == 0) return std::to_string(h.step);
  std::string text =
      fmt::format("{} of {} ({:.1f} %)", h.step, h.total_steps,
                  100.0 * static_cast<double>(h.step) / static_cast<double>(h.total_steps));
  if (status.is_running && h.step_age_seconds)
    text += fmt::format(", {} before the last beat", core::format_duration(*h.step_age_seconds));
  return text;
}

std::string ago(double seconds) { return core::format_duration(seconds) + " ago"; }

void print_status(const train::RunStatus& status) {
  const train::Heartbeat& h = status.heartbeat;
  Table table({Align::kLeft, Align::kLeft});
  table.add_row({"run", status.directory.string()});
  table.add_row({"state", state_text(status)});
  if (!h.owner.host.empty()) table.add_row({"process", process_text(h)});
  table.add_row({"step", step_text(status)});
  if (h.loss) table.add_row({"training loss", fmt::format("{:.4f}", *h.loss)});
  if (h.eval_loss) table.add_row({"validation loss", fmt::format("{:.4f}", *h.eval_loss)});
  if (status.is_running && h.tokens_per_second)
    table.add_row({"tokens/s", core::format_count(*h.tokens_per_second)});
  if (status.is_running && h.eta_seconds)
    table.add_row({"time left", core::format_duration(*h.eta_seconds)});
  table.add_row({"checkpoint", status.checkpoint
                                   ? fmt::format("{}, {}", status.checkpoint->directory.string(),
                                                 ago(*status.checkpoint_age_seconds))
                                   : "none yet"});
  if (status.beat_age_seconds)
    table.add_row({"last beat", fmt::format("{} ({})", ago(*status.beat_age_seconds), h.time)});
  if (!h.error.empty()) table.add_row({"error", h.error});
  if (!status.advice.empty()) table.add_row({"what to do", status.advice});
  if (!status.command.empty()) table.add_row({"", status.command});
  fmt::print("{}", table.text());
}

void run_status(const std::string& directory, const GlobalOptions& global) {
  train::StatusOptions options;
  options.on_watch = [](const train::Heartbeat& heartbeat, double seconds) {
    core::log_info("{} is elsewhere: looking for {} whether it lives",
                   process_name(heartbeat.owner), core::format_duration(seconds));
  };
  const train::RunStatus status = train::look_at_run(directory, options);
  if (global.json) {
    fmt::print("{}\n", io::dump_json(status_json(status)));
  } else {
    print_status(status);
  }
}

}  // namespace

void add_status_command(Program& program) {
  const auto directory = std::make_shared<std::string>();
  CLI::App& app = program.add_command(
      "status", "How a run is doing: running, ended or dead, and what to do", kStatusExamples,
      [directory](const GlobalOptions& global) { run_status(*directory, global); });
  app.add_option("DIR", *directory, "the run's directory, as given to --run-dir")->required();
}

}  // namespace llm::apps
