#include "llm/train/plan.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "common/progress.h"
#include "common/table.h"
#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/core/format.h"
#include "llm/io/json.h"
#include "llm/tensor/device.h"
#include "llm/tensor/memory_stats.h"
#include "llm/train/bench.h"
#include "llm/train/session.h"
#include "llmtrain/commands.h"
#include "llmtrain/step_progress.h"

namespace llm::apps {
namespace {

constexpr const char* kPlanExamples =
    "  llmtrain plan --config configs/runs/quickstart.json\n"
    "  llmtrain plan --config run.json --tokens-per-second 52000      time at a given rate\n"
    "  llmtrain plan --config run.json --ranks 8                      memory and traffic of a "
    "rank\n"
    "  llmtrain plan --config run.json --measure 3                    time at the rate of 3 real "
    "steps";

struct PlanCommand {
  RunConfigOptions config;
  double tokens_per_second = 0;
  int64_t measure_steps = 0;
  int64_t ranks = 1;
};

struct Planned {
  train::RunPlan plan;
  double tokens_per_second = 0;  // 0: unknown
  double seconds() const {
    return tokens_per_second > 0 ? static_cast<double>(plan.total_tokens) / tokens_per_second : 0;
  }
};

// What the plan is about: the model, and the data where the config names some.
struct Subject {
  arch::ModelConfig model;
  int64_t num_rows = 0;
  double mean_document_length = 0;
  std::optional<int64_t> validation_tokens;
};

Subject read_subject(const train::RunConfig& config) {
  if (config.data.path.empty()) return {.model = train::read_model(config)};
  const auto inputs = train::read_inputs(config);
  const auto& split = inputs.dataset.train;
  return {.model = inputs.model,
          .num_rows = static_cast<int64_t>(split.tokens) / config.data.context_length,
          .mean_document_length = static_cast<double>(split.tokens) /
                                  static_cast<double>(std::max<uint64_t>(split.documents, 1)),
          .validation_tokens = static_cast<int64_t>(inputs.dataset.validation.tokens)};
}

// A machine that has no room for the run would end the measurement with a kill.
void require_memory(const train::RunPlan& plan) {
  const int64_t machine = tensor::machine_memory_bytes();
  if (plan.memory.peak_bytes <= machine) return;
  throw core::ConfigError(
      {"--measure",
       fmt::format("{} of memory for this run",
                   core::format_bytes(static_cast<uint64_t>(plan.memory.peak_bytes))),
       core::format_bytes(static_cast<uint64_t>(machine)) + " in this machine",
       "Give --tokens-per-second instead"});
}

double measure_rate(const train::RunConfig& config, const arch::ModelConfig& model,
                    const PlanCommand& command, const GlobalOptions& global) {
  Progress progress("measure", global.shows_progress());
  return train::bench_training(config, model,
                               {.steps = command.measure_steps,
                                .warmup_steps = 1,
                                .device = tensor::parse_device(global.device),
                                .on_step = show_steps(progress)})
      .tokens_per_second;
}

Planned make_plan(const PlanCommand& command, const GlobalOptions& global) {
  const train::RunConfig config = command.config.read<train::RunConfig>();
  tensor::set_num_threads(global.num_threads);
  const Subject subject = read_subject(config);
  const train::PlanInput input{.config = config,
                               .model = subject.model,
                               .num_rows = subject.num_rows,
                               .mean_document_length = subject.mean_document_length,
                               .validation_tokens = subject.validation_tokens,
                               .program_bytes = train::measure_program_bytes(),
                               .machine_bytes = tensor::machine_memory_bytes(),
                               .ranks = command.ranks};
  Planned planned{train::plan_run(input), command.tokens_per_second};
  if (command.measure_steps > 0) {
    require_memory(planned.plan);
    planned.tokens_per_second = measure_rate(config, subject.model, command, global);
  }
  return planned;
}

io::OrderedJson ranks_json(const train::RanksPlan& ranks) {
  io::OrderedJson choices = io::OrderedJson::array();
  for (const auto& choice : ranks.choices) {
    choices.push_back({{"zero", choice.zero},
                       {"peak_memory_bytes", choice.memory.peak_bytes},
                       {"gradient_bytes_sent", choice.gradient_bytes},
                       {"parameter_bytes_sent", choice.parameter_bytes}});
  }
  return {{"count", ranks.ranks},
          {"most_micro_batches", ranks.most_micro_batches},
          {"least_micro_batches", ranks.least_micro_batches},
          {"zero", choices}};
}

void print_json(const Planned& planned) {
  const train::RunPlan& plan = planned.plan;
  io::OrderedJson memory;
  for (const auto& buffer : plan.memory.buffers) memory[buffer.name] = buffer.bytes;
  const io::OrderedJson json{
      {"parameters",
       {{"total", plan.parameters.total()},
        {"embedding", plan.parameters.embedding},
        {"attention", plan.parameters.attention},
        {"mlp", plan.parameters.mlp},
        {"norms", plan.parameters.norms},
        {"head", plan.parameters.head}}},
      {"tokens_per_step", plan.batch.tokens_per_step},
      {"micro_batches", plan.batch.micro_batches},
      {"total_steps", plan.total_steps},
      {"total_tokens", plan.total_tokens},
      {"epochs", plan.epochs},
      {"tokens_per_parameter", plan.tokens_per_parameter},
      {"flops_per_token", plan.flops_per_token},
      {"total_flops", plan.total_flops},
      {"memory_bytes", memory},
      {"peak_memory_bytes", plan.memory.peak_bytes},
      {"ranks", ranks_json(plan.ranks)},
      {"tokens_per_second", planned.tokens_per_second > 0
                                ? io::OrderedJson(planned.tokens_per_second)
                                : io::OrderedJson()},
      {"seconds",
       planned.tokens_per_second > 0 ? io::OrderedJson(planned.seconds()) : io::OrderedJson()},
      {"warnings", plan.warnings}};
  fmt::print("{}\n", io::dump_json(json));
}

void print_parameters(const arch::ParameterCounts& counts) {
  using enum Align;
  Table table({kLeft, kRight, kRight});
  table.set_header({"parameters", "count", "share"});
  const auto row = [&](const char* name, int64_t count) {
    if (count == 0) return;
    table.add_row({name, fmt::format("{}", count),
                   fmt::format("{:.1f} %", 100 * static_cast<double>(count) /
                                               static_cast<double>(counts.total()))});
  };
  row("embedding", counts.embedding);
  row("attention", counts.attention);
  row("mlp", counts.mlp);
  row("norms", counts.norms);
  row("head", counts.head);
  row("total", counts.total());
  fmt::print("{}\n", table.text());
}

void print_memory(const train::MemoryPlan& memory) {
  using enum Align;
  Table table({kLeft, kRight, kLeft});
  table.set_header({"memory", "size", ""});
  for (const auto& buffer : memory.buffers) {
    table.add_row(
        {buffer.name, core::format_bytes(static_cast<uint64_t>(buffer.bytes)), buffer.note});
  }
  table.add_row({"peak", core::format_bytes(static_cast<uint64_t>(memory.peak_bytes)), ""});
  fmt::print("{}\n", table.text());
}

std::string bytes_text(int64_t bytes) { return core::format_bytes(static_cast<uint64_t>(bytes)); }

int64_t buffer_bytes(const train::MemoryPlan& memory, const char* name) {
  for (const auto& buffer : memory.buffers) {
    if (buffer.name == name) return buffer.bytes;
  }
  return 0;
}

// What a rank has and sends under each setting.
void print_ranks(const train::RanksPlan& ranks) {
  if (ranks.choices.empty()) return;
  using enum Align;
  Table table({kLeft, kRight, kRight, kRight, kRight, kRight});
  table.set_header({"each of " + std::to_string(ranks.ranks) + " ranks", "gradients", "buffers",
                    "moments", "peak", "sent a step"});
  for (const auto& choice : ranks.choices) {
    table.add_row({fmt::format("dist.zero {}", choice.zero),
                   bytes_text(buffer_bytes(choice.memory, "gradients")),
                   bytes_text(buffer_bytes(choice.memory, "gradient buffers")),
                   bytes_text(buffer_bytes(choice.memory, "moments")),
                   bytes_text(choice.memory.peak_bytes),
                   bytes_text(choice.gradient_bytes + choice.parameter_bytes)});
  }
  fmt::print("{}\n", table.text());
}

std::string micro_batches_text(const train::RunPlan& plan) {
  const std::string all = fmt::format("{} micro-batches", plan.batch.micro_batches);
  if (plan.ranks.ranks == 1) return all;
  if (plan.ranks.most_micro_batches == plan.ranks.least_micro_batches)
    return fmt::format("{}, {} a rank", all, plan.ranks.most_micro_batches);
  return fmt::format("{}, {} or {} a rank", all, plan.ranks.most_micro_batches,
                     plan.ranks.least_micro_batches);
}

// Two digits at least, however small.
std::string ratio_text(double ratio) {
  return ratio < 10 ? fmt::format("{:.2g}", ratio) : fmt::format("{:.1f}", ratio);
}

void print_run(const Planned& planned) {
  const train::RunPlan& plan = planned.plan;
  using enum Align;
  Table table({kLeft, kLeft});
  table.add_row({"steps", fmt::format("{} of {} tokens ({})", plan.total_steps,
                                      plan.batch.tokens_per_step, micro_batches_text(plan))});
  table.add_row({"tokens", fmt::format("{}, {} per parameter",
                                       core::format_count(static_cast<double>(plan.total_tokens)),
                                       ratio_text(plan.tokens_per_parameter))});
  if (plan.epochs > 0) table.add_row({"passes over the data", fmt::format("{:.2f}", plan.epochs)});
  table.add_row({"compute", fmt::format("{:.3g} FLOP, {} per token", plan.total_flops,
                                        core::format_count(plan.flops_per_token))});
  table.add_row(
      {"time", planned.tokens_per_second > 0
                   ? fmt::format("{} at {} tokens/s", core::format_duration(planned.seconds()),
                                 core::format_count(planned.tokens_per_second))
                   : "give --tokens-per-second, or --measure N"});
  fmt::print("{}", table.text());
  for (const std::string& warning : plan.warnings) fmt::print("warning: {}\n", warning);
}

void run_plan(const PlanCommand& command, const GlobalOptions& global) {
  const Planned planned = make_plan(command, global);
  if (global.json) return print_json(planned);
  print_parameters(planned.plan.parameters);
  print_memory(planned.plan.memory);
  print_ranks(planned.plan.ranks);
  print_run(planned);
}

}  // namespace

void add_plan_command(Program& program) {
  auto command = std::make_shared<PlanCommand>();
  CLI::App& app =
      program.add_command("plan", "Say what a run will cost before it starts", kPlanExamples,
                          [command](const GlobalOptions& global) { run_plan(*command, global); });
  command->config.add_to(app);
  app.add_option("--tokens-per-second", command->tokens_per_second, "rate to compute the time from")
      ->check(number_above(0));
  app.add_option("--measure", command->measure_steps, "measure the rate with this many steps")
      ->check(whole_number(1));
  app.add_option("--ranks", command->ranks, "what each of this many ranks needs and sends")
      ->check(whole_number(1));
}

}  // namespace llm::apps
