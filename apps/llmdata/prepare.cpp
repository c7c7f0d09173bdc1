#include "llm/corpus/prepare.h"

#include <fmt/format.h>

#include <memory>

#include "common/config_flags.h"
#include "common/read_progress.h"
#include "common/table.h"
#include "llm/core/clock.h"
#include "llm/core/log.h"
#include "llm/io/json.h"
#include "llmdata/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kPrepareExamples =
    "  llmdata prepare --input corpus.jsonl.zst --tokenizer tok --out data\n"
    "  llmdata prepare --input books/ 'news/*.jsonl.gz' --tokenizer tok --out data \\\n"
    "      --invalid-utf8 replace --validation-fraction 0.02\n"
    "  llmdata prepare --config prepare.json --out data2 --threads 8";

struct PrepareCommand {
  ConfigFlags flags;
  bool force = false;
};

void print_json(const corpus::PreparedDataset& dataset, double seconds) {
  const auto split = [](const corpus::DatasetSplit& part) {
    return io::OrderedJson{{"tokens", part.tokens},
                           {"documents", part.documents},
                           {"text_bytes", part.text_bytes},
                           {"shards", part.shards.size()}};
  };
  corpus::ReadCounts counts;
  for (const corpus::DatasetSource& source : dataset.sources) counts.add(source.counts);
  const io::OrderedJson report = {{"out", dataset.directory.string()},
                                  {"train", split(dataset.train)},
                                  {"validation", split(dataset.validation)},
                                  {"bytes_per_id", dataset.bytes_per_id},
                                  {"vocab_size", dataset.vocab_size},
                                  {"unknown_bytes", dataset.unknown_bytes},
                                  {"skipped_empty", counts.skipped_empty},
                                  {"skipped_invalid", counts.skipped_invalid},
                                  {"replaced_invalid", counts.replaced_invalid},
                                  {"seconds", seconds}};
  fmt::print("{}\n", io::dump_json(report));
}

std::string per_token(const corpus::DatasetSplit& split) {
  if (split.tokens == 0) return "";
  return fmt::format("{:.2f}",
                     static_cast<double>(split.text_bytes) / static_cast<double>(split.tokens));
}

void print_table(const corpus::PreparedDataset& dataset, double seconds) {
  using enum Align;
  Table table({kLeft, kRight, kRight, kRight, kRight, kRight});
  table.set_header({"split", "documents", "tokens", "text", "bytes/token", "shards"});
  const auto add = [&](const char* name, const corpus::DatasetSplit& split) {
    table.add_row({name, std::to_string(split.documents), std::to_string(split.tokens),
                   core::format_bytes(split.text_bytes), per_token(split),
                   std::to_string(split.shards.size())});
  };
  add("train", dataset.train);
  add("validation", dataset.validation);
  fmt::print("{}", table.text());
  const double rate = static_cast<double>(dataset.text_bytes()) / seconds;
  fmt::print("{} in {} ({}/s of text), ids of {} bytes\n", dataset.directory.string(),
             core::format_duration(seconds), core::format_bytes(static_cast<uint64_t>(rate)),
             dataset.bytes_per_id);
}

// What a person should know about what was left out or changed.
void log_notices(const corpus::PreparedDataset& dataset) {
  for (const corpus::DatasetSource& source : dataset.sources) {
    const corpus::ReadCounts& counts = source.counts;
    if (counts.skipped_empty + counts.skipped_invalid + counts.replaced_invalid == 0) continue;
    core::log_info("{}: {} empty documents left out, {} with invalid UTF-8 left out, {} repaired",
                   source.input, counts.skipped_empty, counts.skipped_invalid,
                   counts.replaced_invalid);
  }
  if (dataset.unknown_bytes > 0) {
    core::log_warn("{} bytes of text ({:.3f} %) are unknown to the tokenizer",
                   dataset.unknown_bytes,
                   100.0 * static_cast<double>(dataset.unknown_bytes) /
                       static_cast<double>(dataset.text_bytes()));
  }
  if (dataset.validation.documents == 0) {
    core::log_warn("no document was set aside for validation");
  }
}

void run_prepare(const PrepareCommand& command, const GlobalOptions& global) {
  const auto config = command.flags.resolve(corpus::PrepareConfig{});
  Progress progress("tokenise", global.shows_progress());
  const auto dataset = corpus::prepare(config, {.num_threads = global.num_threads,
                                                .force = command.force,
                                                .progress = show_read_progress(progress)});
  progress.finish();
  log_notices(dataset);
  global.json ? print_json(dataset, progress.seconds()) : print_table(dataset, progress.seconds());
}

}  // namespace

void add_prepare_command(Program& program) {
  auto command = std::make_shared<PrepareCommand>();
  CLI::App& app = program.add_command(
      "prepare", "Tokenise text files into shards for training", kPrepareExamples,
      [command](const GlobalOptions& global) { run_prepare(*command, global); });
  command->flags.add_to(app, corpus::PrepareConfig{});
  app.add_flag("--force", command->force, "replace a dataset that is at --out");
}

}  // namespace llm::apps
