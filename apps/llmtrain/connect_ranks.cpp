#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "common/errors.h"
#include "common/validators.h"
#include "llm/core/config.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/dist/launch.h"
#include "llm/dist/start_up.h"
#include "llm/tensor/device.h"
#include "llmtrain/ranks.h"

namespace llm::apps {
namespace {

constexpr const char* kOwnLauncher = "llmtrain --ranks";

void require_launched_count(const RankOptions& options, const dist::LaunchEnvironment& launch) {
  if (options.count == 0 || options.count == launch.world_size) return;
  throw core::ConfigError(
      {"--ranks", fmt::format("{} as {} says, or nothing", launch.world_size, launch.launcher),
       std::to_string(options.count), "The launcher starts the ranks: leave --ranks out"});
}

core::LogConfig log_of_rank(const dist::LaunchEnvironment& launch, const GlobalOptions& global) {
  core::LogConfig config{.rank = launch.rank, .world_size = launch.world_size};
  if (global.quiet) config.level = core::LogLevel::kWarn;
  if (global.verbose) config.level = core::LogLevel::kDebug;
  return config;
}

// Ranks of --ranks do not outlive the process that started them, whatever ends it.
void end_with_launcher(const dist::LaunchEnvironment& launch) {
  if (launch.launcher != kOwnLauncher || launch.job != std::to_string(::getppid())) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
}

// Called on the liveness thread, while this process' own work hangs, or computes.
void end_process(const dist::FirstCause& cause, bool json) {
  core::log_to_file(core::LogLevel::kError, cause.text);
  if (cause.is_told_here) {
    ErrorReporter{"llmtrain", json}.report({"failure", cause.exit_code, cause.text});
  }
  std::fflush(nullptr);
  std::_Exit(cause.exit_code);
}

std::shared_ptr<dist::Liveness> watch_ranks(const dist::Rendezvous& rendezvous,
                                            const std::shared_ptr<dist::ProcessGroup>& group,
                                            const train::DistSection& section, bool json) {
  const std::chrono::seconds grace(section.grace_seconds);
  return std::make_shared<dist::Liveness>(
      rendezvous, *group,
      dist::LivenessOptions{
          .timeout = std::chrono::seconds(section.timeout_seconds),
          .grace = grace,
          .must_leave = sigterm_watch(group, grace),
          .end_process = [json](const dist::FirstCause& cause) { end_process(cause, json); }});
}

// The ranks of a host take a GPU each.
at::Device device_of_rank(const dist::LaunchEnvironment& launch, const std::string& choice) {
  const at::Device device = tensor::parse_device(choice);
  const bool has_number = choice.find(':') != std::string::npos;
  if (!device.is_cuda() || has_number || launch.local_world_size == 1) return device;
  return tensor::parse_device(fmt::format("cuda:{}", launch.local_rank));
}

int share_of_threads(dist::ProcessGroup& group, const GlobalOptions& global) {
  // Asked also where the user has chosen: it is a collective.
  const dist::ThreadShare share = dist::default_num_threads(group);
  if (global.has_num_threads) return global.num_threads;
  if (!share.note.empty() && group.rank() == 0) core::log_warn("{}", share.note);
  return share.num_threads;
}

}  // namespace

void RankOptions::add_to(CLI::App& command) {
  command
      .add_option("--ranks", count,
                  "train with this many processes on this machine (mpirun, srun and torchrun start "
                  "theirs themselves)")
      ->check(whole_number(1, 1024))
      ->type_name("N");
  command
      .add_option("--restart-on-failure", restarts,
                  "with --ranks: start all ranks again, at most so often, when one fails; the run "
                  "goes on from its newest checkpoint")
      ->check(whole_number(0, 1000000))
      ->type_name("K");
  command
      .add_option("--rendezvous", rendezvous,
                  "where the ranks of several hosts meet: the host of rank 0 and a free port")
      ->type_name("HOST:PORT");
}

bool RankOptions::asks_for_launch() const {
  return count > 1 && dist::read_launch_environment().world_size == 1;
}

void RankOptions::require_restartable() const {
  const dist::LaunchEnvironment launch = dist::read_launch_environment();
  if (restarts == 0 || launch.launcher == kOwnLauncher || asks_for_launch()) return;
  const bool is_alone = launch.world_size == 1;
  throw core::ConfigError(
      {"--restart-on-failure", "ranks that llmtrain starts itself, with --ranks N",
       is_alone ? "one process" : "ranks started by " + launch.launcher,
       is_alone ? "Add --ranks N with N of 2 or more"
                : "Start them with --ranks N, or leave the option out and let the script that "
                  "calls the launcher start it again; the same command goes on from the newest "
                  "checkpoint"});
}

RankSections read_rank_sections(const core::ConfigNode& run_config) {
  RankSections sections;
  core::ConfigNode node;
  node.kind = core::ConfigNode::Kind::kObject;
  for (const auto& [key, value] : run_config.members) {
    if (key == "dist" || key == "checkpoint") node.members.emplace_back(key, value);
  }
  core::parse_config(node, sections);
  return sections;
}

ConnectedRanks connect_ranks(const RankOptions& options, const RankSections& sections,
                             const GlobalOptions& global) {
  const dist::LaunchEnvironment launch = dist::read_launch_environment();
  require_launched_count(options, launch);
  const at::Device device = device_of_rank(launch, global.device);
  if (launch.world_size == 1)
    return {dist::make_local_group(), nullptr, nullptr, device, 0, global.num_threads};
  core::configure_log(log_of_rank(launch, global));
  end_with_launcher(launch);
  // Writing to a rank that is gone must not end this one before it can say so.
  std::signal(SIGPIPE, SIG_IGN);
  const dist::Rendezvous rendezvous = dist::meet(launch, {.address = options.rendezvous});
  std::shared_ptr<dist::ProcessGroup> group =
      dist::make_process_group(rendezvous, {.device = device, .observer = options.observer});
  std::shared_ptr<dist::ProcessGroup> save_group;
  if (sections.checkpoint.async)
    save_group = dist::make_process_group(rendezvous, {.name = "checkpoints"});
  // The store lives on rank 0 until everybody is connected.
  group->barrier("connecting");
  auto liveness = watch_ranks(rendezvous, group, sections.dist, global.json);
  if (save_group) liveness->watch(*save_group);
  const int threads = share_of_threads(*group, global);
  return {std::move(group), std::move(save_group), std::move(liveness),
          device,           launch.local_rank,     threads};
}

}  // namespace llm::apps
