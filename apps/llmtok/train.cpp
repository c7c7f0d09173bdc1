#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "common/config_flags.h"
#include "common/read_progress.h"
#include "common/table.h"
#include "llm/core/log.h"
#include "llm/corpus/document_reader.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"
#include "llm/text/bpe_trainer.h"
#include "llmtok/commands.h"
#include "llmtok/output_directory.h"

namespace llm::apps {
namespace {

constexpr const char* kTrainExamples =
    "  llmtok train --input corpus.jsonl.zst --vocab-size 32000 --out tok\n"
    "  llmtok train --input books/ --vocab-size 8000 --chat chatml --out tok\n"
    "  llmtok train --input ko.jsonl en.jsonl --vocab-size 64000 --pattern qwen2 \\\n"
    "      --reserved '<|tool|>' --out tok";

enum class TokenizerType { kByteBpe };
const std::vector<std::pair<TokenizerType, std::string>>& config_enum_names(TokenizerType) {
  static const std::vector<std::pair<TokenizerType, std::string>> names = {
      {TokenizerType::kByteBpe, "byte-bpe"}};
  return names;
}

struct TrainConfig {
  std::vector<std::string> input;
  std::string out;
  TokenizerType type = TokenizerType::kByteBpe;
  text::BpeTrainerConfig bpe;
  int64_t min_frequency = 2;
  corpus::ReadOptions read;

  template <class V>
  void visit(V& v) {
    v.field("input", input, "files, folders or quoted patterns to learn from");
    v.field("out", out, "directory to write tokenizer.json to");
    v.field("type", type, "kind of tokenizer");
    v.field("vocab_size", bpe.vocab_size,
            "ids, the 256 bytes and at least 18 special tokens included",
            core::at_least(static_cast<double>(text::kSmallestVocabSize)));
    v.field("pattern", bpe.pattern, "pre-tokenizer: gpt2, llama3, qwen2 or smollm");
    v.field("chat", bpe.chat, "chat markers to reserve as single ids: chatml, or empty");
    v.field("reserved", bpe.reserved, "further special tokens");
    v.field("max_token_bytes", bpe.max_token_bytes, "longer tokens are not formed",
            core::at_least(1));
    v.field("min_frequency", min_frequency, "pairs seen less often are not merged",
            core::at_least(1));
    read.visit(v);
  }
};

struct TrainCommand {
  ConfigFlags flags;
  bool force = false;
};

struct Trained {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  corpus::ReadCounts counts;
  double seconds = 0;
};

Trained train(const TrainConfig& config, const GlobalOptions& global) {
  const auto files = corpus::find_input_files(config.input, config.read.format);
  text::BpeTrainer trainer(config.bpe);
  const core::Stopwatch watch;
  Trained trained;
  {
    Progress progress("count words", global.shows_progress());
    // The trainer counts on threads of its own; two read and parse.
    trained.counts = corpus::visit_documents(
        files, config.read, std::min(global.num_threads, 2),
        [&](const corpus::Document& document) { trainer.add_text(document.text); },
        show_read_progress(progress));
  }
  Progress progress("merge pairs", global.shows_progress());
  trained.tokenizer = trainer.train([&](const text::BpeTrainerProgress& at) {
    check_interrupt();
    if (at.phase == text::BpeTrainerPhase::kMerge) progress.update(at.done, at.total);
  });
  trained.seconds = watch.seconds();
  return trained;
}

void print_json(const Trained& trained, const std::string& out) {
  const text::Tokenizer& tokenizer = *trained.tokenizer;
  const io::OrderedJson report = {{"out", out},
                                  {"vocab_size", tokenizer.vocab_size()},
                                  {"merges", tokenizer.num_merges()},
                                  {"fingerprint", io::hex64(tokenizer.fingerprint())},
                                  {"documents", trained.counts.documents},
                                  {"bytes", trained.counts.bytes},
                                  {"skipped_empty", trained.counts.skipped_empty},
                                  {"skipped_invalid", trained.counts.skipped_invalid},
                                  {"replaced_invalid", trained.counts.replaced_invalid},
                                  {"seconds", trained.seconds}};
  fmt::print("{}\n", io::dump_json(report));
}

void print_table(const Trained& trained, const std::string& out) {
  const text::Tokenizer& tokenizer = *trained.tokenizer;
  Table table({Align::kLeft, Align::kLeft});
  table.add_row({"learnt from", fmt::format("{} documents, {}", trained.counts.documents,
                                            core::format_bytes(trained.counts.bytes))});
  table.add_row({"vocabulary",
                 fmt::format("{} ids, {} merges", tokenizer.vocab_size(), tokenizer.num_merges())});
  table.add_row({"fingerprint", io::hex64(tokenizer.fingerprint())});
  table.add_row({"written to", out});
  table.add_row({"time", core::format_duration(trained.seconds)});
  fmt::print("{}", table.text());
}

void run_train(const TrainCommand& command, const GlobalOptions& global) {
  auto config = command.flags.resolve(TrainConfig{});
  OutputDirectory out(config.out, command.force);
  config.bpe.min_frequency = static_cast<uint64_t>(config.min_frequency);
  config.bpe.num_threads = global.num_threads;
  const Trained trained = train(config, global);
  if (trained.tokenizer->vocab_size() < config.bpe.vocab_size) {
    core::log_warn("the text gave {} of {} ids: no pair is left that occurs {} times",
                   trained.tokenizer->vocab_size(), config.bpe.vocab_size, config.min_frequency);
  }
  trained.tokenizer->save(out.path());
  out.keep();
  global.json ? print_json(trained, config.out) : print_table(trained, config.out);
}

}  // namespace

void add_train_command(Program& program) {
  auto command = std::make_shared<TrainCommand>();
  CLI::App& app =
      program.add_command("train", "Learn a tokenizer from text", kTrainExamples,
                          [command](const GlobalOptions& global) { run_train(*command, global); });
  command->flags.add_to(app, TrainConfig{});
  app.add_flag("--force", command->force, "replace a tokenizer that is at --out");
}

}  // namespace llm::apps
