#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "common/config_flags.h"
#include "common/output.h"
#include "common/read_progress.h"
#include "common/table.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/corpus/example_dataset.h"
#include "llm/io/token_shard.h"
#include "llmdata/commands.h"
#include "llmdata/masked_text.h"

namespace llm::apps {
namespace {

constexpr const char* kShowExamples =
    "  llmdata show --input chat.jsonl --tokenizer model\n"
    "  llmdata show --input pairs.jsonl.zst --tokenizer model --template chatml --max-length 512\n"
    "  llmdata show --input rows.jsonl --tokenizer model --format prompt_completion \\\n"
    "      --columns-prompt question --columns-completion answer --train-on all\n"
    "  llmdata show --examples run/examples --tokenizer model --limit 10";

struct ShowConfig {
  std::vector<std::string> input;
  std::string examples;
  std::string tokenizer;
  corpus::EncodeConfig encode;
  corpus::ExampleFormat format = corpus::ExampleFormat::kAuto;
  corpus::ExampleColumns columns;
  int64_t max_rows = 0;
  int64_t limit = 3;

  template <class V>
  void visit(V& v) {
    v.field("input", input, "JSON lines files, folders or quoted patterns of examples");
    v.field("examples", examples, "or: a directory of prepared examples");
    v.field("tokenizer", tokenizer,
            "tokenizer, model or run directory, tokenizer file, or GGUF file");
    encode.visit(v);
    v.field("format", format, "format of the rows; auto: that of each file's first row");
    v.field("max_rows", max_rows, "read the first rows only; 0: all", core::at_least(0));
    v.field("limit", limit, "how many examples to show", core::at_least(0));
    v.section("columns", columns, "what the columns are called");
  }
};

[[noreturn]] void fail_show(const char* where, const char* expected, const char* got,
                            const char* hint) {
  throw core::ConfigError({.where = where, .expected = expected, .got = got, .hint = hint});
}

void check_show(const ShowConfig& config) {
  if (config.input.empty() == config.examples.empty())
    fail_show("show", "either --input or --examples", config.input.empty() ? "neither" : "both",
              "--input is rows of text, --examples is what was prepared of them");
  if (config.tokenizer.empty())
    fail_show("--tokenizer", "a tokenizer or model directory", "nothing",
              "The loss mask is one of tokens");
}

const char* why_left_out(corpus::ExampleOutcome outcome) {
  if (outcome == corpus::ExampleOutcome::kTooLong) return "left out: too long";
  if (outcome == corpus::ExampleOutcome::kEmpty) return "left out: an empty answer";
  return "left out: no trained token";
}

// Prints examples one by one, or collects them for one JSON object.
class ExamplePrinter {
 public:
  ExamplePrinter(const text::Tokenizer& tokenizer, const ShowConfig& config,
                 const GlobalOptions& global)
      : tokenizer_(tokenizer),
        limit_(static_cast<uint64_t>(config.limit)),
        is_json_(global.json),
        style_(default_mask_style()) {}

  bool wants_more() const { return shown_ < limit_; }

  void show(const std::string& title, const corpus::EncodedExample& example) {
    if (example.outcome != corpus::ExampleOutcome::kKept)
      return core::log_debug("{}: {}", title, why_left_out(example.outcome));
    if (!wants_more()) return;
    ++shown_;
    if (is_json_) {
      examples_.push_back(to_json(title, example));
      return;
    }
    const size_t shared = example.is_pair ? shared_prompt(example) : 0;
    write_output(headline(title, example));
    if (!example.is_pair) write_output(body(example.documents[0], 0));
    if (!example.is_pair) return;
    write_output(body(prompt_of(example, shared), 0));
    write_output("--- chosen\n" + body(example.documents[0], shared));
    write_output("--- rejected\n" + body(example.documents[1], shared));
  }

  const io::OrderedJson& examples() const { return examples_; }

 private:
  // Tokens before the answers of a pair.
  static size_t shared_prompt(const corpus::EncodedExample& example) {
    const corpus::TrainingDocument& document = example.documents[0];
    const auto first = std::ranges::find(document.trained, true);
    return static_cast<size_t>(first - document.trained.begin());
  }

  static corpus::TrainingDocument prompt_of(const corpus::EncodedExample& example, size_t shared) {
    corpus::TrainingDocument prompt = example.documents[0];
    prompt.ids.resize(shared);
    prompt.trained.resize(shared);
    return prompt;
  }

  std::string headline(const std::string& title, const corpus::EncodedExample& example) const {
    std::vector<std::string> sizes;
    for (const corpus::TrainingDocument& document : example.documents)
      sizes.push_back(fmt::format("{} tokens, {} trained", document.ids.size(),
                                  corpus::count_trained(document)));
    const std::string text = fmt::format("=== {}  {}{}{}", title, fmt::join(sizes, " | "),
                                         example.is_truncated ? ", truncated" : "",
                                         example.is_identical ? ", identical answers" : "");
    return style_ == MaskStyle::kColour ? "\x1b[1m" + text + "\x1b[0m\n" : text + "\n";
  }

  std::string body(const corpus::TrainingDocument& document, size_t from) const {
    const auto at = static_cast<ptrdiff_t>(from);
    const std::vector<bool> trained(document.trained.begin() + at, document.trained.end());
    std::string text =
        masked_text(tokenizer_, std::span(document.ids).subspan(from), trained, style_);
    if (!text.ends_with('\n')) text += '\n';
    return text;
  }

  io::OrderedJson to_json(const std::string& title, const corpus::EncodedExample& example) const {
    io::OrderedJson documents = io::OrderedJson::array();
    for (const corpus::TrainingDocument& document : example.documents) {
      io::OrderedJson mask = io::OrderedJson::array();
      for (const bool trained : document.trained) mask.push_back(trained ? 1 : 0);
      documents.push_back({{"ids", document.ids},
                           {"trained", std::move(mask)},
                           {"text", tokenizer_.decode(document.ids)}});
    }
    return {{"where", title}, {"truncated", example.is_truncated}, {"documents", documents}};
  }

  const text::Tokenizer& tokenizer_;
  uint64_t limit_;
  bool is_json_;
  MaskStyle style_;
  uint64_t shown_ = 0;
  io::OrderedJson examples_ = io::OrderedJson::array();
};

std::vector<std::string> format_names(const corpus::ExampleSourceReport& report) {
  std::vector<std::string> names;
  for (const corpus::ExampleFormat format : report.formats)
    names.push_back(corpus::format_name(format));
  return names;
}

void print_counts(const std::vector<corpus::ExampleSourceReport>& reports) {
  std::vector<Align> columns(reports.size() + 1, Align::kRight);
  columns[0] = Align::kLeft;
  Table table(columns);
  std::vector<std::string> header = {"source"}, formats = {"format"}, unused = {"columns not used"};
  for (const corpus::ExampleSourceReport& report : reports) {
    header.push_back(report.name);
    formats.push_back(fmt::format("{}", fmt::join(format_names(report), ", ")));
    unused.push_back(fmt::format("{}", fmt::join(report.unused_columns, ", ")));
  }
  table.set_header(header);
  table.add_row(formats);
  table.add_row(unused);
  for (const auto& [name, member] : corpus::example_count_names()) {
    std::string label = name;
    std::ranges::replace(label, '_', ' ');
    std::vector<std::string> row = {label};
    for (const corpus::ExampleSourceReport& report : reports)
      row.push_back(std::to_string(report.counts.*member));
    table.add_row(row);
  }
  write_output("\n" + table.text());
}

void print_report(const ExamplePrinter& printer,
                  const std::vector<corpus::ExampleSourceReport>& reports,
                  const GlobalOptions& global) {
  if (!global.json) return print_counts(reports);
  io::OrderedJson sources = io::OrderedJson::array();
  for (const corpus::ExampleSourceReport& report : reports)
    sources.push_back({{"name", report.name},
                       {"files", report.files},
                       {"formats", format_names(report)},
                       {"unused_columns", report.unused_columns},
                       {"counts", corpus::to_json(report.counts)}});
  write_output(io::dump_json({{"examples", printer.examples()}, {"sources", sources}}) + "\n");
}

// Each input is a source of its own in the counts.
void show_input(const ShowConfig& config, const GlobalOptions& global) {
  const auto tokenizer = text::load_tokenizer(config.tokenizer);
  const corpus::ExampleEncoder encoder(
      config.encode, tokenizer,
      corpus::example_template(config.encode, *tokenizer, text::template_origin(config.tokenizer)));
  ExamplePrinter printer(*tokenizer, config, global);
  Progress progress("encode", global.shows_progress());
  corpus::ExampleReader reader(
      encoder, {.num_threads = global.num_threads, .progress = show_read_progress(progress)});
  std::vector<corpus::ExampleSourceReport> reports;
  for (const std::string& input : config.input)
    reports.push_back(reader.read({.paths = {input},
                                   .format = config.format,
                                   .columns = config.columns,
                                   .max_rows = config.max_rows},
                                  [&](const corpus::EncodedExample& example) {
                                    printer.show(fmt::format("{}  {}", example.where,
                                                             corpus::format_name(example.format)),
                                                 example);
                                  }));
  progress.finish();
  print_report(printer, reports, global);
}

corpus::TrainingDocument read_document(const io::TokenShard& shard, uint64_t index) {
  const uint64_t begin = shard.document_start(index);
  corpus::TrainingDocument document;
  document.ids.resize(shard.document_start(index + 1) - begin);
  shard.read(begin, document.ids);
  for (uint64_t i = 0; i < document.ids.size(); ++i)
    document.trained.push_back(shard.is_trained(begin + i));
  return document;
}

void show_shard(const corpus::ExampleShard& from, bool has_pairs, ExamplePrinter& printer) {
  const io::TokenShard shard(from.path);
  const uint64_t step = has_pairs ? 2 : 1;
  for (uint64_t i = 0; i + step <= from.documents && printer.wants_more(); i += step) {
    corpus::EncodedExample example;
    example.is_pair = has_pairs;
    for (uint64_t k = 0; k < step; ++k) example.documents.push_back(read_document(shard, i + k));
    printer.show(fmt::format("{} {}", from.source.name, i / step + 1), example);
  }
}

void show_prepared(const ShowConfig& config, const GlobalOptions& global) {
  const auto tokenizer = text::load_tokenizer(config.tokenizer);
  const auto dataset = corpus::read_example_dataset(config.examples);
  if (dataset.tokenizer_fingerprint != tokenizer->fingerprint())
    fail_show("--tokenizer", "the tokenizer that the examples were prepared with", "another one",
              "Name the model they are for");
  ExamplePrinter printer(*tokenizer, config, global);
  std::vector<corpus::ExampleSourceReport> reports;
  for (const corpus::ExampleShard& shard : dataset.shards) {
    show_shard(shard, dataset.task == corpus::ExampleTask::kPreference, printer);
    reports.push_back(shard.source);
  }
  print_report(printer, reports, global);
}

void run_show(const ConfigFlags& flags, const GlobalOptions& global) {
  const auto config = flags.resolve(ShowConfig{});
  check_show(config);
  config.examples.empty() ? show_input(config, global) : show_prepared(config, global);
}

}  // namespace

void add_show_command(Program& program) {
  auto flags = std::make_shared<ConfigFlags>();
  CLI::App& app = program.add_command(
      "show", "Examples for fine-tuning as a model gets them: decoded, with the loss mask",
      kShowExamples, [flags](const GlobalOptions& global) { run_show(*flags, global); });
  flags->add_to(app, ShowConfig{});
}

}  // namespace llm::apps
