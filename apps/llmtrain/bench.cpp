#include "llm/train/bench.h"

#include <fmt/format.h>

#include <memory>

#include "common/progress.h"
#include "common/table.h"
#include "common/validators.h"
#include "llm/core/format.h"
#include "llm/io/json.h"
#include "llm/tensor/device.h"
#include "llm/train/session.h"
#include "llmtrain/commands.h"
#include "llmtrain/step_progress.h"

namespace llm::apps {
namespace {

constexpr const char* kBenchExamples =
    "  llmtrain bench --config configs/bench/smollm2_135m_cpu.json --threads 2\n"
    "  llmtrain bench --config run.json --steps 20 --json";

struct BenchCommand {
  RunConfigOptions config;
  train::BenchOptions options;
};

void run_bench(const BenchCommand& command, const GlobalOptions& global) {
  const train::RunConfig config = command.config.read<train::RunConfig>();
  const arch::ModelConfig model = train::read_model(config);
  train::BenchOptions options = command.options;
  Progress progress("measure", global.shows_progress());
  options.on_step = show_steps(progress);
  options.device = tensor::parse_device(global.device);
  const int threads = tensor::set_num_threads(global.num_threads);
  const auto result = train::bench_training(config, model, options);
  progress.finish();
  if (global.json) {
    const io::OrderedJson json{{"tokens_per_second", result.tokens_per_second},
                               {"median_seconds", result.median_seconds},
                               {"step_seconds", result.step_seconds},
                               {"tokens_per_step", result.tokens_per_step},
                               {"num_parameters", result.num_parameters},
                               {"gflops_per_second", result.flops_per_second / 1e9},
                               {"peak_memory_mib", result.peak_memory_bytes >> 20},
                               {"first_loss", result.first_loss},
                               {"last_loss", result.last_loss},
                               {"threads", threads},
                               {"device", options.device.str()}};
    fmt::print("{}\n", io::dump_json(json));
    return;
  }
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
  table.add_row({"device", fmt::format("{}, {} thread(s)", options.device.str(), threads)});
  fmt::print("{}", table.text());
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
}

}  // namespace llm::apps
