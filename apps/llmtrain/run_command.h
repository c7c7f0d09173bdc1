// What the commands that train have in common: their options, and how a run's end is told.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "llm/train/session.h"
#include "llmtrain/commands.h"
#include "llmtrain/ranks.h"

namespace llm::apps {

// One rank's part in a run, or all of a run of one process.
struct RankSession {
  train::SessionOptions options;
  std::shared_ptr<dist::Liveness> liveness;  // nullptr for one process
  bool is_json = false;

  // Throws: what `train` throws; see run_as_rank().
  train::RunSummary run(const std::function<train::RunSummary()>& train) const;
};

struct RunOptions {
  RunConfigOptions config;
  std::string run_directory;
  std::string resume = "auto";
  std::string restore = "all";
  std::string sweep;
  bool dry_run = false;
  RankOptions ranks;

  // `help` lists every key of the command's config.
  void add_to(CLI::App& command, const std::function<std::string()>& help);
  // Connects the ranks when there are several. Called once.
  RankSession session(const GlobalOptions& global) const;
  std::filesystem::path chosen_run_directory() const;
  LaunchPlan launch_plan(const GlobalOptions& global) const;
};

// `run`, or under --ranks as many processes that do.
void run_as_ranks(const RunOptions& options, const GlobalOptions& global,
                  const std::function<void()>& run);

// Prints the summary as the user asked for, on rank 0. Throws: Interrupted for a run that was.
void report_run(const train::RunSummary& summary, const train::SessionOptions& session,
                const GlobalOptions& global);

}  // namespace llm::apps
