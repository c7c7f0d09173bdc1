#include "llm/text/extend.h"

#include <fmt/format.h>

#include <memory>

#include "common/table.h"
#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"
#include "llm/text/chat_template.h"
#include "llmtok/commands.h"
#include "llmtok/output_directory.h"

namespace llm::apps {
namespace {

constexpr const char* kExtendExamples =
    "  llmtok extend --tokenizer models/base --add-special '<|im_start|>' '<|im_end|>' \\\n"
    "      --template chatml --out tok        # then \"model\": {\"tokenizer\": \"tok\"} in a "
    "config "
    "of llmtrain sft\n"
    "  llmtok extend --tokenizer models/base --add '안녕하세요' 'Grüezi' --out tok";

struct ExtendCommand {
  std::string tokenizer;
  std::string out;
  std::string chat_template;
  text::TokenExtension extension;
  bool force = false;
};

void print_extended(const text::Tokenizer& base, const text::Tokenizer& extended,
                    const std::string& out) {
  Table table({Align::kLeft, Align::kLeft});
  for (int32_t id = base.vocab_size(); id < extended.vocab_size(); ++id) {
    table.add_row(
        {fmt::format("token {}", id),
         fmt::format("{}{}", extended.piece(id), extended.is_special(id) ? "  special" : "")});
  }
  table.add_row(
      {"vocabulary", fmt::format("{} ids, {} before", extended.vocab_size(), base.vocab_size())});
  table.add_row({"fingerprint", io::hex64(extended.fingerprint())});
  table.add_row({"written to", out});
  fmt::print("{}", table.text());
}

void print_extended_json(const text::Tokenizer& base, const text::Tokenizer& extended,
                         const std::string& out) {
  io::OrderedJson added = io::OrderedJson::array();
  for (int32_t id = base.vocab_size(); id < extended.vocab_size(); ++id) {
    added.push_back({{"id", id},
                     {"content", extended.piece(id)},
                     {"special", static_cast<bool>(extended.is_special(id))}});
  }
  fmt::print("{}\n", io::dump_json({{"out", out},
                                    {"vocab_size", extended.vocab_size()},
                                    {"added", added},
                                    {"fingerprint", io::hex64(extended.fingerprint())}}));
}

void run_extend(const ExtendCommand& command, const GlobalOptions& global) {
  text::TokenExtension extension = command.extension;
  if (extension.special.empty() && extension.plain.empty() && command.chat_template.empty()) {
    throw core::ConfigError({.where = "llmtok extend",
                             .expected = "--add-special, --add or --template",
                             .got = "none of them",
                             .hint = "llmtok extend --help shows examples"});
  }
  const auto base = text::load_tokenizer(command.tokenizer);
  if (!command.chat_template.empty())
    extension.chat_template = text::find_template(command.chat_template, {}).jinja();
  const auto extended = text::extend_tokenizer(*base, extension);
  OutputDirectory out(command.out, command.force);
  extended->save(out.path());
  out.keep();
  if (global.json) {
    print_extended_json(*base, *extended, command.out);
  } else if (!global.quiet) {
    print_extended(*base, *extended, command.out);
  }
}

}  // namespace

void add_extend_command(Program& program) {
  auto command = std::make_shared<ExtendCommand>();
  CLI::App& app =
      program.add_command("extend", "Add tokens behind those that a tokenizer has", kExtendExamples,
                          [command](const GlobalOptions& global) { run_extend(*command, global); });
  app.add_option("--tokenizer", command->tokenizer,
                 "tokenizer, model or run directory, tokenizer file, or GGUF file")
      ->required()
      ->type_name("PATH");
  app.add_option("--add-special", command->extension.special,
                 "markers: a text that holds them is not parsed for them, templates are")
      ->check(valid_utf8())
      ->type_name("TOKEN");
  app.add_option("--add", command->extension.plain,
                 "words that become one token wherever a text has them")
      ->check(valid_utf8())
      ->type_name("TOKEN");
  app.add_option("--template", command->chat_template,
                 "the chat template to store with it: a name (chatml) or a Jinja file")
      ->type_name("NAME|FILE");
  app.add_option("--out", command->out, "directory to write tokenizer.json to")
      ->required()
      ->type_name("DIR");
  app.add_flag("--force", command->force, "replace a tokenizer that is at --out");
}

}  // namespace llm::apps
