#include "train/start_up.h"

#include <fmt/format.h>
#include <unistd.h>

#include "llm/core/log.h"
#include "llm/dist/start_up.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"
#include "train/execution.h"
#include "train/rank_phase.h"

namespace llm::train {

namespace {

dist::RankInfo own_info(const SessionOptions& options, const RunIdentity& run) {
  const std::string config = io::to_json(run.config).dump() + io::hex64(run.data_fingerprint);
  return {.rank = options.group->rank(),
          .host = dist::host_name(),
          .pid = ::getpid(),
          .local_rank = options.local_rank,
          .device = options.device.str(),
          .num_threads = options.num_threads,
          .version = options.program_version,
          .binary = program_fingerprint(),
          .config = io::hex64(io::xxh3(config)),
          .tokenizer = io::hex64(run.tokenizer_fingerprint)};
}

}  // namespace

void introduce_ranks(const SessionOptions& options, const RunIdentity& run) {
  if (options.group->size() == 1) return;
  const auto infos = dist::gather_rank_infos(*options.group, own_info(options, run));
  run_on_all_ranks(*options.group, "comparing the ranks", [&] { dist::require_equal(infos); });
  core::log_info("{:>5}  {:<16}  {:>8}  {:<8}  {:>7}", "rank", "host", "process", "device",
                 "threads");
  for (const dist::RankInfo& info : infos) {
    core::log_info("{:>5}  {:<16}  {:>8}  {:<8}  {:>7}", info.rank, info.host, info.pid,
                   info.device, info.num_threads);
  }
  core::log_info("llmtrain {}, program {}, config and data {}, tokenizer {} on all of them",
                 infos[0].version, infos[0].binary, infos[0].config, infos[0].tokenizer);
}

}  // namespace llm::train
