#include "llm/corpus/stats.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "common/config_flags.h"
#include "common/read_progress.h"
#include "common/table.h"
#include "common/token_text.h"
#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llmdata/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kStatsExamples =
    "  llmdata stats --data data\n"
    "  llmdata stats --data data --top 20\n"
    "  llmdata stats --input corpus.jsonl.zst --tokenizer tok --json";

struct StatsConfig {
  std::vector<std::string> input;
  std::string tokenizer;
  std::string data;
  corpus::ReadOptions read;
  int64_t top = 0;

  template <class V>
  void visit(V& v) {
    v.field("data", data, "a prepared dataset");
    v.field("input", input, "or: files, folders or quoted patterns to read");
    v.field("tokenizer", tokenizer, "with --input: also count tokens");
    read.visit(v);
    v.field("top", top, "show the most frequent tokens", core::at_least(0));
  }
};

struct Measured {
  corpus::CorpusStats stats;
  std::shared_ptr<const text::Tokenizer> tokenizer;  // may be null
};

void check(const StatsConfig& config) {
  const bool has_tokens = !config.data.empty() || !config.tokenizer.empty();
  if (config.top > 0 && !has_tokens) {
    throw core::ConfigError({.where = "--top",
                             .expected = "--tokenizer, to know the tokens",
                             .got = "none",
                             .hint = ""});
  }
  if (config.data.empty() != config.input.empty()) return;
  throw core::ConfigError({.where = "stats",
                           .expected = "either --data or --input",
                           .got = config.data.empty() ? "neither" : "both",
                           .hint = "--data is a prepared dataset, --input is text"});
}

Measured measure(const StatsConfig& config, const GlobalOptions& global) {
  if (!config.data.empty()) {
    const auto dataset = corpus::read_prepared_dataset(config.data);
    return {corpus::dataset_stats(dataset), text::load_tokenizer(dataset.tokenizer)};
  }
  Measured measured;
  if (!config.tokenizer.empty()) measured.tokenizer = text::load_tokenizer(config.tokenizer);
  const auto files = corpus::find_input_files(config.input, config.read.format);
  Progress progress("count", global.shows_progress());
  measured.stats = corpus::input_stats(files, config.read, measured.tokenizer.get(),
                                       global.num_threads, show_read_progress(progress));
  return measured;
}

io::OrderedJson histogram_json(const corpus::LengthHistogram& lengths) {
  io::OrderedJson buckets = io::OrderedJson::array();
  for (size_t i = 0; i < lengths.buckets.size(); ++i) {
    if (lengths.buckets[i] == 0) continue;
    const uint64_t from = i == 0 ? 0 : uint64_t{1} << (i - 1);
    buckets.push_back({{"from", from}, {"documents", lengths.buckets[i]}});
  }
  return {{"smallest", lengths.smallest},
          {"mean", lengths.mean()},
          {"largest", lengths.largest},
          {"buckets", buckets}};
}

void print_json(const Measured& measured, size_t top) {
  const corpus::CorpusStats& stats = measured.stats;
  // Nothing is known of tokens without a tokenizer.
  const auto counted = [&](const io::OrderedJson& value) {
    return measured.tokenizer ? value : io::OrderedJson(nullptr);
  };
  io::OrderedJson report = {{"documents", stats.documents},
                            {"bytes", stats.bytes},
                            {"tokens", counted(stats.tokens)},
                            {"bytes_per_token", counted(stats.bytes_per_token())},
                            {"unknown_bytes", counted(stats.unknown_bytes)},
                            {"skipped_empty", stats.read.skipped_empty},
                            {"skipped_invalid", stats.read.skipped_invalid},
                            {"replaced_invalid", stats.read.replaced_invalid},
                            {"length_unit", measured.tokenizer ? "tokens" : "bytes"},
                            {"lengths", histogram_json(stats.lengths)}};
  io::OrderedJson tokens = io::OrderedJson::array();
  for (const corpus::TokenCount& token : corpus::most_frequent(stats.token_counts, top)) {
    tokens.push_back({{"id", token.id},
                      {"count", token.count},
                      {"token", shown_token(*measured.tokenizer, token.id)}});
  }
  if (top > 0) report["top_tokens"] = tokens;
  fmt::print("{}\n", io::dump_json(report));
}

void print_totals(const Measured& measured) {
  const corpus::CorpusStats& stats = measured.stats;
  using enum Align;
  Table table({kLeft, kRight});
  table.add_row({"documents", std::to_string(stats.documents)});
  table.add_row({"bytes of text", std::to_string(stats.bytes)});
  if (measured.tokenizer) {
    table.add_row({"tokens", std::to_string(stats.tokens)});
    table.add_row({"bytes per token", fmt::format("{:.3f}", stats.bytes_per_token())});
    table.add_row({"unknown bytes", std::to_string(stats.unknown_bytes)});
  }
  table.add_row({"empty, left out", std::to_string(stats.read.skipped_empty)});
  table.add_row({"invalid UTF-8, left out", std::to_string(stats.read.skipped_invalid)});
  table.add_row({"invalid UTF-8, repaired", std::to_string(stats.read.replaced_invalid)});
  fmt::print("{}\n", table.text());
}

void print_lengths(const Measured& measured) {
  const corpus::LengthHistogram& lengths = measured.stats.lengths;
  const char* unit = measured.tokenizer ? "tokens" : "bytes";
  fmt::print("length in {}: {} to {}, {:.1f} on average\n", unit, lengths.smallest, lengths.largest,
             lengths.mean());
  uint64_t most = 1;
  for (const uint64_t count : lengths.buckets) most = std::max(most, count);
  using enum Align;
  Table table({kRight, kRight, kLeft});
  table.set_header({"at least", "documents", ""});
  for (size_t i = 0; i < lengths.buckets.size(); ++i) {
    const uint64_t count = lengths.buckets[i];
    if (count == 0) continue;
    const uint64_t from = i == 0 ? 0 : uint64_t{1} << (i - 1);
    table.add_row({std::to_string(from), std::to_string(count),
                   std::string(static_cast<size_t>(count * 40 / most), '#')});
  }
  fmt::print("{}", table.text());
}

void print_top(const Measured& measured, size_t top) {
  if (top == 0) return;
  using enum Align;
  Table table({kRight, kRight, kRight, kLeft});
  table.set_header({"id", "count", "share", "token"});
  for (const corpus::TokenCount& token : corpus::most_frequent(measured.stats.token_counts, top)) {
    const double share =
        100.0 * static_cast<double>(token.count) / static_cast<double>(measured.stats.tokens);
    table.add_row({std::to_string(token.id), std::to_string(token.count),
                   fmt::format("{:.2f} %", share), shown_token(*measured.tokenizer, token.id)});
  }
  fmt::print("\n{}", table.text());
}

void run_stats(const ConfigFlags& flags, const GlobalOptions& global) {
  const auto config = flags.resolve(StatsConfig{});
  check(config);
  const Measured measured = measure(config, global);
  const auto top = static_cast<size_t>(config.top);
  if (global.json) return print_json(measured, top);
  print_totals(measured);
  print_lengths(measured);
  print_top(measured, top);
}

}  // namespace

void add_stats_command(Program& program) {
  auto flags = std::make_shared<ConfigFlags>();
  CLI::App& app =
      program.add_command("stats", "Count documents, tokens and lengths", kStatsExamples,
                          [flags](const GlobalOptions& global) { run_stats(*flags, global); });
  flags->add_to(app, StatsConfig{});
}

}  // namespace llm::apps
