#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>

#include "common/errors.h"
#include "common/interrupt.h"
#include "common/table.h"
#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/core/format.h"
#include "llm/io/file_lock.h"
#include "llm/io/json.h"
#include "llm/io/manifest.h"
#include "llm/train/checkpoint.h"
#include "llm/train/session.h"
#include "llmtrain/commands.h"

namespace llm::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpointExamples =
    "  llmtrain checkpoint list runs/first             steps, sizes, which is best, what is "
    "damaged\n"
    "  llmtrain checkpoint verify runs/first           reads every byte; exit code 1 when one is "
    "off\n"
    "  llmtrain checkpoint prune runs/first --keep-last 1 --keep-every 1000";

struct CheckpointCommand {
  std::string action;
  std::string directory;
  int64_t keep_last = 1;
  int64_t keep_every_steps = 0;
  bool forget_best = false;
};

// One directory named like a checkpoint.
struct CheckpointRow {
  int64_t step = 0;
  fs::path directory;
  uint64_t bytes = 0;
  std::string problem;  // "": complete
};

uint64_t bytes_in(const fs::path& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

std::string problem_of(const fs::path& directory, bool check_hashes) {
  for (const auto& problem : io::verify_manifest(directory, check_hashes)) {
    if (problem.fault != io::ManifestFault::kExtra) return problem.message;
  }
  return "";
}

// Of a run, or the one checkpoint that `directory` is.
std::vector<CheckpointRow> find_rows(const fs::path& directory, bool check_hashes) {
  std::vector<fs::path> found;
  if (io::is_run_directory(directory)) {
    found = io::checkpoints_after(directory, -1);
  } else if (fs::exists(directory / io::kManifestName)) {
    found = {directory};
  } else {
    throw core::ConfigError({directory.string(), "a run directory or a checkpoint",
                             fs::exists(directory) ? "neither" : "no such directory",
                             "Name the folder that llmtrain was given as --run-dir"});
  }
  std::vector<CheckpointRow> rows;
  for (const fs::path& path : found) {
    check_interrupt();
    rows.push_back({io::checkpoint_step(path.filename().string()), path, bytes_in(path),
                    problem_of(path, check_hashes)});
  }
  return rows;
}

// Of the newest complete checkpoint; 0: none.
int64_t best_step_of(const std::vector<CheckpointRow>& rows) {
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (row->problem.empty() && fs::exists(row->directory / "trainer"))
      return train::load_state(row->directory).state.best_step;
  }
  return 0;
}

void print_rows(const std::vector<CheckpointRow>& rows, const GlobalOptions& global) {
  const int64_t best = best_step_of(rows);
  if (global.json) {
    io::OrderedJson json = io::OrderedJson::array();
    for (const CheckpointRow& row : rows) {
      json.push_back({{"step", row.step},
                      {"directory", row.directory.string()},
                      {"bytes", row.bytes},
                      {"complete", row.problem.empty()},
                      {"problem", row.problem},
                      {"best", best > 0 && row.step == best}});
    }
    fmt::print("{}\n", io::dump_json({{"checkpoints", json}}));
    return;
  }
  Table table({Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
  table.set_header({"step", "size", "state", "directory"});
  for (const CheckpointRow& row : rows) {
    const std::string state = row.problem.empty() ? "complete" : row.problem;
    table.add_row({std::to_string(row.step), core::format_bytes(row.bytes),
                   state + (best > 0 && row.step == best ? ", best" : ""), row.directory.string()});
  }
  fmt::print("{}", rows.empty() ? "no checkpoints\n" : table.text());
}

void verify_rows(const CheckpointCommand& command, const GlobalOptions& global) {
  const auto rows = find_rows(command.directory, /*check_hashes=*/true);
  print_rows(rows, global);
  for (const CheckpointRow& row : rows) {
    if (!row.problem.empty()) throw AlreadyTold{};
  }
}

void prune_rows(const CheckpointCommand& command, const GlobalOptions& global) {
  if (!io::is_run_directory(command.directory)) {
    throw core::ConfigError({command.directory, "a run directory", "none",
                             "Name the folder that llmtrain was given as --run-dir"});
  }
  const auto lock = train::lock_run(command.directory);
  const auto rows = find_rows(command.directory, /*check_hashes=*/false);
  const auto removed = train::CheckpointFolder(command.directory)
                           .prune({.keep_last = command.keep_last,
                                   .keep_every_steps = command.keep_every_steps,
                                   .best_step = command.forget_best ? 0 : best_step_of(rows)});
  if (global.json) {
    io::OrderedJson steps = io::OrderedJson::array();
    for (const io::Checkpoint& checkpoint : removed) steps.push_back(checkpoint.step);
    fmt::print("{}\n", io::dump_json({{"removed", steps}}));
    return;
  }
  for (const io::Checkpoint& checkpoint : removed)
    fmt::print("removed {}\n", checkpoint.directory.string());
  if (removed.empty()) fmt::print("nothing to remove\n");
}

void run_checkpoint(const CheckpointCommand& command, const GlobalOptions& global) {
  if (command.action == "list") return print_rows(find_rows(command.directory, false), global);
  if (command.action == "verify") return verify_rows(command, global);
  prune_rows(command, global);
}

}  // namespace

void add_checkpoint_command(Program& program) {
  const auto command = std::make_shared<CheckpointCommand>();
  CLI::App& app = program.add_command(
      "checkpoint", "List, verify or remove the checkpoints of a run", kCheckpointExamples,
      [command](const GlobalOptions& global) { run_checkpoint(*command, global); });
  app.add_option("ACTION", command->action, "list, verify (every byte) or prune")
      ->check(one_of({"list", "verify", "prune"}))
      ->required();
  app.add_option("DIR", command->directory, "a run directory; list and verify: or a checkpoint")
      ->required();
  app.add_option("--keep-last", command->keep_last, "prune: newest checkpoints that stay")
      ->check(whole_number(1))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--keep-every", command->keep_every_steps,
                 "prune: checkpoints of steps that are multiples of this stay")
      ->check(whole_number(1))
      ->type_name("K");
  app.add_flag("--forget-best", command->forget_best, "prune: the best one need not stay");
}

}  // namespace llm::apps
