#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/dist/launch.h"
#include "llm/dist/start_up.h"
#include "llm/tensor/device.h"
#include "llmtrain/ranks.h"

namespace llm::apps {
namespace {

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
  if (launch.job != std::to_string(::getppid())) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
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
      .add_option("--rendezvous", rendezvous,
                  "where the ranks of several hosts meet: the host of rank 0 and a free port")
      ->type_name("HOST:PORT");
}

bool RankOptions::asks_for_launch() const {
  return count > 1 && dist::read_launch_environment().world_size == 1;
}

ConnectedRanks connect_ranks(const RankOptions& options, const GlobalOptions& global) {
  const dist::LaunchEnvironment launch = dist::read_launch_environment();
  require_launched_count(options, launch);
  const at::Device device = device_of_rank(launch, global.device);
  if (launch.world_size == 1) return {dist::make_local_group(), device, 0, global.num_threads};
  core::configure_log(log_of_rank(launch, global));
  end_with_launcher(launch);
  const dist::Rendezvous rendezvous = dist::meet(launch, {.address = options.rendezvous});
  std::shared_ptr<dist::ProcessGroup> group =
      dist::make_process_group(rendezvous, {.device = device});
  // The store lives on rank 0 until everybody is connected.
  group->barrier("connecting");
  const int threads = share_of_threads(*group, global);
  return {std::move(group), device, launch.local_rank, threads};
}

}  // namespace llm::apps
