#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>

#include "common/interrupt.h"
#include "common/progress.h"
#include "common/table.h"
#include "common/validators.h"
#include "llm/convert/model_directory.h"
#include "llm/core/format.h"
#include "llm/eval/documents.h"
#include "llm/tensor/device.h"
#include "llmeval/commands.h"

namespace llm::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPplExamples =
    "  llmeval ppl --model runs/first --input held_out.txt\n"
    "  llmeval ppl --model smollm2 --input wiki.jsonl.zst --context 1024 --stride 512 --json\n"
    "  llmeval ppl --model runs/first --input data/prepared --split validation";

struct PplCommand {
  std::string model;
  std::vector<std::string> input;
  std::string split = "validation";
  eval::PerplexityOptions options;
  std::string prefix = "auto";
  std::string invalid_utf8 = "error";
  std::string format = "auto";
  corpus::ReadOptions read;
};

const std::map<std::string, eval::Prefix> kPrefixes = {{"auto", eval::Prefix::kAuto},
                                                       {"bos", eval::Prefix::kBos},
                                                       {"eos", eval::Prefix::kEos},
                                                       {"none", eval::Prefix::kNone}};
const std::map<std::string, corpus::InvalidUtf8> kInvalidUtf8 = {
    {"error", corpus::InvalidUtf8::kError},
    {"replace", corpus::InvalidUtf8::kReplace},
    {"skip", corpus::InvalidUtf8::kSkip}};
const std::map<std::string, corpus::DocumentFormat> kFormats = {
    {"auto", corpus::DocumentFormat::kAuto},
    {"jsonl", corpus::DocumentFormat::kJsonl},
    {"text", corpus::DocumentFormat::kText},
    {"html", corpus::DocumentFormat::kHtml}};

bool is_dataset(const std::vector<std::string>& input) {
  return input.size() == 1 && fs::exists(fs::path(input.front()) / corpus::kDatasetFileName);
}

eval::PerplexityResult score(const PplCommand& command, const convert::LoadedModel& loaded,
                             const GlobalOptions& global) {
  Progress progress("score", global.shows_progress());
  eval::PerplexityOptions options = command.options;
  options.progress = [&](int64_t num_tokens) {
    check_interrupt();
    const double rate = static_cast<double>(num_tokens) / (progress.seconds() + 1e-9);
    progress.update(static_cast<uint64_t>(num_tokens), 0,
                    fmt::format("{} tokens  {:.0f}/s",
                                core::format_count(static_cast<double>(num_tokens)), rate));
  };
  eval::PerplexityScorer scorer(*loaded.model, options);
  const auto sink = [&](const eval::ScoredDocument& document) {
    check_interrupt();
    scorer.add(document);
  };
  if (is_dataset(command.input)) {
    eval::visit_dataset(corpus::read_prepared_dataset(command.input.front()), command.split,
                        *loaded.tokenizer, kPrefixes.at(command.prefix), sink);
  } else {
    corpus::ReadOptions read = command.read;
    read.invalid_utf8 = kInvalidUtf8.at(command.invalid_utf8);
    read.format = kFormats.at(command.format);
    eval::visit_text(corpus::find_input_files(command.input, read.format), read, *loaded.tokenizer,
                     kPrefixes.at(command.prefix), sink);
  }
  return scorer.finish();
}

void print_result(const eval::PerplexityResult& result, double seconds) {
  Table table({Align::kLeft, Align::kLeft});
  const double error = result.standard_error();
  table.add_row({"perplexity", fmt::format("{:.4f} +- {:.4f} per token", result.perplexity(),
                                           result.perplexity() * error)});
  table.add_row(
      {"loss", fmt::format("{:.5f} +- {:.5f} nats per token (between {})", result.mean_nll(), error,
                           result.error_is_between_documents() ? "documents" : "tokens")});
  table.add_row({"bits per byte", fmt::format("{:.5f}", result.bits_per_byte())});
  table.add_row({"token accuracy", fmt::format("{:.2f} %", 100 * result.accuracy())});
  table.add_row(
      {"scored", fmt::format("{} tokens of {} documents, {} of text", result.num_tokens,
                             result.documents.size(),
                             core::format_bytes(static_cast<uint64_t>(result.num_bytes)))});
  table.add_row({"windows", fmt::format("{} (context {}, stride {})", result.num_windows,
                                        result.context, result.stride)});
  table.add_row({"time", fmt::format("{}, {:.0f} tokens/s", core::format_duration(seconds),
                                     static_cast<double>(result.num_tokens) / seconds)});
  fmt::print("{}", table.text());
}

void run(const PplCommand& command, const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  const convert::LoadedModel loaded = convert::load_model(
      command.model, {.device = tensor::parse_device(global.device),
                      .on_read = [](const std::string&) { check_interrupt(); }});
  const core::Stopwatch watch;
  const eval::PerplexityResult result = score(command, loaded, global);
  if (!global.json) return print_result(result, watch.seconds());
  io::OrderedJson json = eval::to_json(result);
  json["model"] = loaded.path.string();
  json["seconds"] = watch.seconds();
  fmt::print("{}\n", io::dump_json(json));
}

}  // namespace

void add_ppl_command(Program& program) {
  const auto command = std::make_shared<PplCommand>();
  CLI::App& app = program.add_command(
      "ppl", "Perplexity and bits per byte of text, by a sliding window", kPplExamples,
      [command](const GlobalOptions& global) { run(*command, global); });
  app.add_option("--model,-m", command->model, "model, checkpoint or run directory, or GGUF file")
      ->required();
  app.add_option(
         "--input,-i", command->input,
         "text or JSONL files (also .gz, .zst), folders, patterns, - for stdin; or a prepared "
         "dataset")
      ->required();
  app.add_option("--context", command->options.context,
                 "tokens in a window; 0: the trained length, at most 2048")
      ->check(whole_number(0))
      ->capture_default_str();
  app.add_option("--stride", command->options.stride,
                 "tokens each further window scores; smaller: more context, slower; 0: --context")
      ->check(whole_number(0))
      ->capture_default_str();
  app.add_option("--batch-tokens", command->options.batch_tokens,
                 "tokens of one forward pass; 0: 1024 on a CPU, 8192 on a GPU")
      ->check(whole_number(0))
      ->capture_default_str();
  app.add_option("--prefix", command->prefix,
                 "before each document: auto (BOS, else EOS), bos, eos, none")
      ->check(one_of(kPrefixes))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--split", command->split, "of a prepared dataset: train or validation")
      ->capture_default_str();
  app.add_option("--format", command->format,
                 "auto (by ending and content), jsonl, text or html; stdin is text without it")
      ->check(one_of(kFormats))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--text-field", command->read.text_field, "field of a JSON line with the text")
      ->capture_default_str();
  app.add_option("--invalid-utf8", command->invalid_utf8, "error, replace or skip")
      ->check(one_of(kInvalidUtf8))
      ->type_name("NAME")
      ->capture_default_str();
}

}  // namespace llm::apps
