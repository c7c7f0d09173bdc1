#include "llm/text/inspect.h"

#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <optional>

#include "common/read_progress.h"
#include "common/table.h"
#include "common/token_text.h"
#include "common/validators.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"
#include "llm/text/tokenizer.h"
#include "llmtok/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kInspectExamples =
    "  llmtok inspect --tokenizer tok\n"
    "  llmtok inspect --tokenizer tok --text 'How many tokens is this?'\n"
    "  llmtok inspect --tokenizer tok --input corpus.jsonl.zst --json";

struct InspectCommand {
  std::string tokenizer;
  std::string text;
  std::vector<std::string> input;
  corpus::ReadOptions read;
};

text::TextMeasure measure(const InspectCommand& command, const text::Tokenizer& tokenizer,
                          const GlobalOptions& global) {
  const auto files = corpus::find_input_files(command.input, command.read.format);
  Progress progress("measure", global.shows_progress());
  text::TextMeasure total;
  std::mutex mutex;
  const auto visit = [&](const corpus::Document& document) {
    const text::TextMeasure one = text::measure_text(tokenizer, document.text);
    const std::lock_guard lock(mutex);
    total.add(one);
  };
  corpus::visit_documents(files, command.read, global.num_threads, visit,
                          show_read_progress(progress));
  return total;
}

io::OrderedJson id_json(const text::Tokenizer& tokenizer, std::optional<int32_t> id) {
  if (!id) return nullptr;
  return {{"id", *id}, {"piece", tokenizer.piece(*id)}};
}

io::OrderedJson tokenizer_json(const text::Tokenizer& tokenizer) {
  const text::TokenizerSummary summary = text::summarize(tokenizer);
  io::OrderedJson added = io::OrderedJson::array();
  for (const text::AddedToken& token : tokenizer.added_tokens()) {
    added.push_back({{"id", token.id}, {"content", token.content}, {"special", token.special}});
  }
  return {{"vocab_size", summary.vocab_size},
          {"unused_ids", summary.num_unused_ids},
          {"merges", summary.num_merges},
          {"longest_token_bytes", summary.longest_token_bytes},
          {"covers_all_bytes", summary.covers_all_bytes},
          {"fingerprint", io::hex64(summary.fingerprint)},
          {"chat_template", summary.chat_template},
          {"bos", id_json(tokenizer, tokenizer.bos_id())},
          {"eos", id_json(tokenizer, tokenizer.eos_id())},
          {"pad", id_json(tokenizer, tokenizer.pad_id())},
          {"unk", id_json(tokenizer, tokenizer.unk_id())},
          {"stop_ids", tokenizer.stop_ids()},
          {"added_tokens", added}};
}

io::OrderedJson measure_json(const text::TextMeasure& measure) {
  return {{"documents", measure.texts},
          {"bytes", measure.bytes},
          {"characters", measure.characters},
          {"tokens", measure.tokens},
          {"bytes_per_token", measure.bytes_per_token()},
          {"characters_per_token", measure.characters_per_token()},
          {"unknown_rate", measure.unknown_rate()},
          {"failed_round_trips", measure.failed_round_trips}};
}

std::string role_text(const text::Tokenizer& tokenizer, std::optional<int32_t> id) {
  return id ? fmt::format("{} {}", *id, tokenizer.piece(*id)) : "none";
}

void print_tokenizer(const text::Tokenizer& tokenizer) {
  const text::TokenizerSummary summary = text::summarize(tokenizer);
  Table table({Align::kLeft, Align::kLeft});
  table.add_row({"vocabulary", fmt::format("{} ids, {} of them unused", summary.vocab_size,
                                           summary.num_unused_ids)});
  table.add_row({"merges", std::to_string(summary.num_merges)});
  table.add_row({"longest token", fmt::format("{} bytes", summary.longest_token_bytes)});
  table.add_row({"unknown text",
                 summary.covers_all_bytes ? "impossible: every byte has a token" : "possible"});
  table.add_row({"begin of text", role_text(tokenizer, tokenizer.bos_id())});
  table.add_row({"end of text", role_text(tokenizer, tokenizer.eos_id())});
  table.add_row({"padding", role_text(tokenizer, tokenizer.pad_id())});
  table.add_row({"unknown", role_text(tokenizer, tokenizer.unk_id())});
  table.add_row({"generation stops at", fmt::format("{}", fmt::join(tokenizer.stop_ids(), " "))});
  table.add_row({"chat template", summary.chat_template.empty() ? "none" : summary.chat_template});
  table.add_row({"fingerprint", io::hex64(summary.fingerprint)});
  fmt::print("{}\n", table.text());

  Table added({Align::kRight, Align::kLeft, Align::kLeft});
  added.set_header({"id", "added token", ""});
  for (const text::AddedToken& token : tokenizer.added_tokens()) {
    added.add_row({std::to_string(token.id), token.content, token.special ? "special" : ""});
  }
  fmt::print("{}", added.text());
}

void print_measure(const text::TextMeasure& measure) {
  Table table({Align::kLeft, Align::kRight});
  table.add_row({"documents", std::to_string(measure.texts)});
  table.add_row({"bytes", std::to_string(measure.bytes)});
  table.add_row({"tokens", std::to_string(measure.tokens)});
  table.add_row({"bytes per token", fmt::format("{:.3f}", measure.bytes_per_token())});
  table.add_row({"characters per token", fmt::format("{:.3f}", measure.characters_per_token())});
  table.add_row({"unknown", fmt::format("{:.4f} %", 100 * measure.unknown_rate())});
  table.add_row({"failed round trips", std::to_string(measure.failed_round_trips)});
  fmt::print("\n{}", table.text());
}

void print_tokens(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  Table table({Align::kRight, Align::kLeft});
  table.set_header({"id", fmt::format("{} tokens", ids.size())});
  for (const int32_t id : ids) table.add_row({std::to_string(id), shown_token(tokenizer, id)});
  fmt::print("\n{}", table.text());
}

void run_inspect(const InspectCommand& command, const GlobalOptions& global) {
  const auto tokenizer = text::load_tokenizer(command.tokenizer);
  std::vector<int32_t> ids;
  if (!command.text.empty()) ids = tokenizer->encode(command.text);
  std::optional<text::TextMeasure> measured;
  if (!command.input.empty()) measured = measure(command, *tokenizer, global);
  if (global.json) {
    io::OrderedJson report = tokenizer_json(*tokenizer);
    if (!command.text.empty()) report["ids"] = ids;
    if (measured) report["measure"] = measure_json(*measured);
    fmt::print("{}\n", io::dump_json(report));
    return;
  }
  print_tokenizer(*tokenizer);
  if (!command.text.empty()) print_tokens(*tokenizer, ids);
  if (measured) print_measure(*measured);
}

}  // namespace

void add_inspect_command(Program& program) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App& app = program.add_command(
      "inspect", "Show what is inside a tokenizer, and how it fares on a text", kInspectExamples,
      [command](const GlobalOptions& global) { run_inspect(*command, global); });
  app.add_option("--tokenizer", command->tokenizer,
                 "tokenizer, model or run directory, tokenizer file, or GGUF file")
      ->required()
      ->type_name("PATH");
  app.add_option("--text", command->text, "also show the tokens of this text")->check(valid_utf8());
  app.add_option("--input", command->input, "also measure these files")->type_name("FILE");
  app.add_option("--text-field", command->read.text_field, "field of a JSON line with the text")
      ->capture_default_str();
}

}  // namespace llm::apps
