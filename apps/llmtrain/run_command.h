// What the commands that train have in common: their options, and how a run's end is told.
#pragma once

#include <functional>
#include <string>

#include "llm/train/session.h"
#include "llmtrain/commands.h"

namespace llm::apps {

struct RunOptions {
  RunConfigOptions config;
  std::string run_directory;
  std::string resume = "auto";
  std::string sweep;
  bool dry_run = false;

  // `help` lists every key of the command's config.
  void add_to(CLI::App& command, const std::function<std::string()>& help);
  train::SessionOptions session(const GlobalOptions& global) const;
};

// Prints the summary as the user asked for. Throws: Interrupted for a run that was.
void report_run(const train::RunSummary& summary, const GlobalOptions& global);

}  // namespace llm::apps
