#include <fmt/format.h>

#include <memory>

#include "common/interrupt.h"
#include "common/progress.h"
#include "common/table.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/corpus/input_files.h"
#include "llm/eval/documents.h"
#include "llm/io/config_json.h"
#include "llm/train/tune_session.h"
#include "llmtrain/run_command.h"
#include "llmtrain/sweep.h"

namespace llm::apps {
namespace {

constexpr const char* kSftExamples =
    "  llmtrain sft --config configs/runs/sft_smollm2.json --run-dir runs/sft\n"
    "  llmtrain sft --config sft.json --set lora.r=16 --set optim.lr=2e-4\n"
    "  llmtrain sft --config sft.json --dry-run              read and check the data, train "
    "nothing\n"
    "  llmdata show --input rows.jsonl --tokenizer MODEL     what is trained of each row, in "
    "colour\n"
    "Ctrl-C finishes the step, saves a checkpoint and exits with 130; the same command goes on "
    "from there.";

std::string preference_examples(const std::string& command) {
  return fmt::format(
      "  llmtrain {0} --config {0}.json --run-dir runs/{0}\n"
      "  llmtrain {0} --config {0}.json --set beta=0.2 --set train.epochs=2\n"
      "  llmtrain {0} --config {0}.json --dry-run            read and check the pairs, train "
      "nothing\n"
      "  llmtrain {0} --config {0}.json --sweep grid.json    grid.json: {{\"beta\": [0.1, 0.5], "
      "\"optim.lr\": [1e-4, 3e-4]}}\n"
      "Ctrl-C finishes the step, saves a checkpoint and exits with 130; the same command goes on "
      "from there.",
      command);
}

// Of the first gate.max_tokens tokens.
double gate_perplexity(nn::CausalLM& model, const text::Tokenizer& tokenizer,
                       const train::GateSection& gate) {
  struct Enough {};
  eval::PerplexityScorer scorer(model, {});
  int64_t left = gate.max_tokens;
  const auto sink = [&](eval::ScoredDocument document) {
    const auto length = static_cast<int64_t>(document.ids.size());
    if (length > left) document.ids.resize(static_cast<size_t>(left));
    scorer.add(document);
    left -= length;
    if (left <= 0) throw Enough{};
  };
  try {
    const corpus::ReadOptions read;
    eval::visit_text(corpus::find_input_files(gate.texts, read.format, "gate.texts"), read,
                     tokenizer, eval::Prefix::kAuto, sink);
  } catch (const Enough&) {
  }
  return scorer.finish().perplexity();
}

train::TuneHooks make_hooks(Progress& progress) {
  train::TuneHooks hooks;
  hooks.perplexity = gate_perplexity;
  hooks.on_read = [&progress](const corpus::ReadProgress& read) {
    check_interrupt();
    progress.update(
        read.bytes_done, read.bytes_total,
        fmt::format("{} rows", core::format_count(static_cast<double>(read.documents))));
    if (read.bytes_done == read.bytes_total) progress.finish();
  };
  return hooks;
}

io::OrderedJson counts_json(const corpus::ExampleDataset& dataset) {
  io::OrderedJson sources = io::OrderedJson::object();
  for (const auto& shard : dataset.shards)
    sources[shard.source.name] = corpus::to_json(shard.source.counts);
  return sources;
}

io::OrderedJson check_json(const train::TuneCheck& c) {
  return {{"dry_run", true},
          {"parameters", c.num_parameters},
          {"trained_parameters", c.num_trained},
          {"tokens_per_step", c.batch.tokens_per_step},
          {"total_steps", c.total_steps},
          {"first_step", c.first_step},
          {"resumes_from",
           c.resumes_from.empty() ? io::OrderedJson() : io::OrderedJson(c.resumes_from.string())},
          {"train", counts_json(c.train)},
          {"validation", c.validation ? counts_json(*c.validation) : io::OrderedJson()}};
}

void add_counts(Table& table, const char* split, const corpus::ExampleDataset& dataset) {
  for (const auto& shard : dataset.shards) {
    const corpus::ExampleCounts& counts = shard.source.counts;
    table.add_row({split, fmt::format("{}: {} of {} rows kept, {} truncated, {} tokens, {} trained",
                                      shard.source.name, counts.kept, counts.rows, counts.truncated,
                                      counts.tokens, counts.trained_tokens)});
  }
}

void print_check(const train::TuneCheck& c) {
  using enum Align;
  Table table({kLeft, kLeft});
  table.add_row({"model", fmt::format("{} parameters, {} of them trained",
                                      core::format_count(static_cast<double>(c.num_parameters)),
                                      core::format_count(static_cast<double>(c.num_trained)))});
  add_counts(table, "training data", c.train);
  if (c.validation) add_counts(table, "validation data", *c.validation);
  table.add_row(
      {"run", fmt::format("{} steps of about {} tokens", c.total_steps, c.batch.tokens_per_step)});
  table.add_row({"starts", c.resumes_from.empty()
                               ? "from the beginning"
                               : fmt::format("after step {}, from {}", c.first_step,
                                             c.resumes_from.string())});
  fmt::print("{}everything is in place; nothing was trained\n", table.text());
}

// Its points share the tokenised examples.
template <class Config>
train::RunSummary run_point(const core::ConfigNode& node, const train::SessionOptions& session,
                            const train::TuneHooks& hooks) {
  Config config;
  core::parse_config(node, config);
  if (config.data.cache.empty())
    config.data.cache = (session.run_directory.parent_path() / "data").string();
  return train::tune(config, session, hooks);
}

template <class Config>
void run_tuning(const RunOptions& options, const GlobalOptions& global) {
  Progress progress("read examples", global.shows_progress());
  const train::TuneHooks hooks = make_hooks(progress);
  if (!options.sweep.empty()) {
    return run_sweep(options, global, [&](const auto& node, const auto& session) {
      return run_point<Config>(node, session, hooks);
    });
  }
  const auto config = options.config.read<Config>();
  const RankSession ranks = options.session(global);
  const train::SessionOptions& session = ranks.options;
  core::log_debug("resolved config: {}",
                  io::dump_json(io::to_json(train::without_secrets(core::dump_config(config)))));
  if (!options.dry_run) {
    return report_run(ranks.run([&] { return train::tune(config, session, hooks); }), session,
                      global);
  }
  const train::TuneCheck check = train::check_tuning(config, session, hooks);
  if (global.json) {
    fmt::print("{}\n", io::dump_json(check_json(check)));
  } else if (!global.quiet) {
    print_check(check);
  }
}

template <class Config>
void add_tune_command(Program& program, const std::string& name, const std::string& description,
                      const std::string& examples) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& app =
      program.add_command(name, description, examples, [options](const GlobalOptions& global) {
        run_as_ranks(*options, global, [&] { run_tuning<Config>(*options, global); });
      });
  options->add_to(app, [] { return core::config_help(Config{}); });
}

}  // namespace

void add_tune_commands(Program& program) {
  add_tune_command<train::SftConfig>(program, "sft", "Tune a model on instructions and dialogues",
                                     kSftExamples);
  add_tune_command<train::OrpoConfig>(
      program, "orpo", "Tune a model on preference pairs, with ORPO", preference_examples("orpo"));
  add_tune_command<train::DpoConfig>(program, "dpo", "Tune a model on preference pairs, with DPO",
                                     preference_examples("dpo"));
  add_tune_command<train::SimpoConfig>(program, "simpo",
                                       "Tune a model on preference pairs, with SimPO",
                                       preference_examples("simpo"));
}

}  // namespace llm::apps
