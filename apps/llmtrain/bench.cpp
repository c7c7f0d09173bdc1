#include "llm/train/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "common/progress.h"
#include "common/table.h"
#include "common/validators.h"
#include "llm/core/format.h"
#include "llm/dist/launch.h"
#include "llm/io/json.h"
#include "llm/tensor/device.h"
#include "llm/train/session.h"
#include "llmtrain/commands.h"
#include "llmtrain/ranks.h"
#include "llmtrain/step_progress.h"

namespace llm::apps {
namespace {

constexpr const char* kBenchExamples =
    "  llmtrain bench --config configs/bench/smollm2_135m_cpu.json --threads 2\n"
    "  llmtrain bench --config run.json --steps 20 --json\n"
    "  llmtrain bench --config run.json --ranks 2 --trace trace.json  what overlaps, for Perfetto";

struct BenchCommand {
  RunConfigOptions config;
  RankOptions ranks;
  train::BenchOptions options;
  std::string trace;
};

struct Benched {
  train::BenchResult result;
  std::optional<train::Overlap> overlap;  // of rank 0, with a trace
  int ranks = 1;
  int threads = 1;
  at::Device device = at::kCPU;
};

Benched measure(const BenchCommand& command, const GlobalOptions& global) {
  const train::RunConfig config = command.config.read<train::RunConfig>();
  const arch::ModelConfig model = train::read_model(config);
  train::StepTrace trace;
  RankOptions ranks = command.ranks;
  if (!command.trace.empty())
    ranks.observer = [&trace](const dist::CollectiveTiming& timing) {
      trace.add_collective(timing);
    };
  const ConnectedRanks connected =
      connect_ranks(ranks, {.dist = config.dist, .checkpoint = {}}, global);
  Benched benched{.ranks = connected.group->size(), .device = connected.device};
  train::BenchOptions options = command.options;
  Progress progress("measure", global.shows_progress() && connected.group->rank() == 0);
  options.on_step = show_steps(progress);
  options.device = connected.device;
  options.group = connected.group;
  if (!command.trace.empty()) options.trace = &trace;
  benched.threads = tensor::set_num_threads(connected.num_threads);
  const auto run = [&] {
    benched.result = train::bench_training(config, model, options);
    if (!command.trace.empty()) train::write_trace(command.trace, *connected.group, trace);
  };
  if (connected.liveness) {
    run_as_rank(*connected.liveness, connected.group->rank(), global.json, run);
  } else {
    run();
  }
  progress.finish();
  if (!command.trace.empty()) benched.overlap = train::measure_overlap(trace.spans());
  return benched;
}

io::OrderedJson bench_json(const Benched& benched) {
  const train::BenchResult& result = benched.result;
  io::OrderedJson json{{"tokens_per_second", result.tokens_per_second},
                       {"median_seconds", result.median_seconds},
                       {"step_seconds", result.step_seconds},
                       {"tokens_per_step", result.tokens_per_step},
                       {"num_parameters", result.num_parameters},
                       {"gflops_per_second", result.flops_per_second / 1e9},
                       {"peak_memory_mib", result.peak_memory_bytes >> 20},
                       {"first_loss", result.first_loss},
                       {"last_loss", result.last_loss},
                       {"threads", benched.threads},
                       {"device", benched.device.str()},
                       {"ranks", benched.ranks},
                       {"sent_by_all_ranks",
                        {{"gradient_bytes", result.gradient_bytes},
                         {"parameter_bytes", result.parameter_bytes},
                         {"control_bytes", result.control_bytes}}}};
  if (benched.overlap) {
    json["overlap"] = {{"gradient_seconds", benched.overlap->gradient_seconds},
                       {"hidden_seconds", benched.overlap->hidden_seconds},
                       {"weight_seconds", benched.overlap->weight_seconds}};
  }
  return json;
}

void add_ranks(Table& table, const Benched& benched) {
  if (benched.ranks == 1) return;
  const train::BenchResult& result = benched.result;
  const double rank_steps = static_cast<double>(result.step_seconds.size()) * benched.ranks;
  const auto per_step = [&](int64_t bytes) {
    return core::format_bytes(static_cast<uint64_t>(static_cast<double>(bytes) / rank_steps));
  };
  table.add_row({"ranks", fmt::format("{}; each sends {} of gradients and {} of weights a step",
                                      benched.ranks, per_step(result.gradient_bytes),
                                      per_step(result.parameter_bytes))});
  if (!benched.overlap) return;
  const train::Overlap& overlap = *benched.overlap;
  const double whole = std::max(overlap.gradient_seconds, 1e-9);
  table.add_row(
      {"overlap", fmt::format("{:.3f} s of gradients on their way, {:.0f} % of it under "
                              "the backward pass",
                              overlap.gradient_seconds, 100 * overlap.hidden_seconds / whole)});
}

void print_bench(const Benched& benched) {
  const train::BenchResult& result = benched.result;
  using enum Align;
  Table table({kLeft, kLeft});
  table.add_row({"model", fmt::format("{} parameters", core::format_count(static_cast<double>(
                                                           result.num_parameters)))});
  table.add_row({"step", fmt::format("{:.3f} s for {} tokens (median of {})", result.median_seconds,
                                     result.tokens_per_step, result.step_seconds.size())});
  table.add_row({"speed", fmt::format("{:.1f} tokens/s, {:.1f} GFLOP/s", result.tokens_per_second,
                                      result.flops_per_second / 1e9)});
  table.add_row(
      {"peak memory", core::format_bytes(static_cast<uint64_t>(result.peak_memory_bytes))});
  table.add_row({"loss", fmt::format("{:.4f} -> {:.4f}", result.first_loss, result.last_loss)});
  table.add_row({"device", fmt::format("{}, {} thread(s)", benched.device.str(), benched.threads)});
  add_ranks(table, benched);
  fmt::print("{}", table.text());
}

void run_bench(const BenchCommand& command, const GlobalOptions& global) {
  if (command.ranks.asks_for_launch())
    return launch_ranks(
        {.count = command.ranks.count, .newest_checkpoint = [] { return std::string(); }});
  const Benched benched = measure(command, global);
  if (dist::read_launch_environment().rank > 0) return;
  if (global.json) {
    fmt::print("{}\n", io::dump_json(bench_json(benched)));
  } else {
    print_bench(benched);
  }
}

}  // namespace

void add_bench_command(Program& program) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App& app = program.add_command(
      "bench", "Measure training speed and memory on random tokens", kBenchExamples,
      [command](const GlobalOptions& global) { run_bench(*command, global); });
  command->config.add_to(app);
  app.add_option("--steps", command->options.steps, "measured steps")
      ->capture_default_str()
      ->check(whole_number(1));
  app.add_option("--warmup-steps", command->options.warmup_steps, "steps before them")
      ->capture_default_str()
      ->check(whole_number(0));
  app.add_option("--ranks", command->ranks.count,
                 "measure this many processes on this machine together")
      ->check(whole_number(1, 1024));
  app.add_option("--trace", command->trace,
                 "write the measured steps of all ranks as a Chrome trace to this file");
}

}  // namespace llm::apps
