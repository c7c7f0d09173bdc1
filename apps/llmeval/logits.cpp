#include "llm/eval/logits.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "common/interrupt.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/tensor/device.h"
#include "llmeval/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kLogitsExamples =
    "  llmeval logits --model runs/first --ids 1,2,3 --out logits.safetensors\n"
    "  llmeval logits --model smollm2 --ids 504,2365 --out l.safetensors --json";

struct LogitsCommand {
  std::string model;
  std::string ids;
  std::string out;
  bool force = false;
};

void require_free_output(const LogitsCommand& command) {
  if (command.force || !std::filesystem::exists(command.out)) return;
  throw core::ConfigError({.where = "--out",
                           .expected = "a name that does not exist yet",
                           .got = command.out + ", which exists",
                           .hint = "Choose a new name, or replace it with --force."});
}

void run(const LogitsCommand& command, const GlobalOptions& global) {
  const std::vector<int32_t> ids = eval::parse_ids(command.ids);
  require_free_output(command);
  tensor::set_num_threads(global.num_threads);
  const convert::LoadedModel loaded = convert::load_model(
      command.model, {.device = tensor::parse_device(global.device),
                      .need_tokenizer = false,
                      .on_read = [](const std::string&) { check_interrupt(); }});
  const at::Tensor logits = eval::sequence_logits(*loaded.model, ids);  // [T, V]
  eval::write_logits(command.out, ids, logits);
  const at::Tensor last = logits[-1];
  const int64_t top = last.argmax().item<int64_t>();
  if (global.json) {
    const io::OrderedJson json = {{"out", command.out},
                                  {"tokens", logits.size(0)},
                                  {"vocab_size", logits.size(1)},
                                  {"top_id", top},
                                  {"top_logit", last[top].item<double>()}};
    fmt::print("{}\n", io::dump_json(json));
    return;
  }
  fmt::print("{}: logits [{}, {}]; the most likely next token is {}\n", command.out, logits.size(0),
             logits.size(1), top);
}

}  // namespace

void add_logits_command(Program& program) {
  const auto command = std::make_shared<LogitsCommand>();
  CLI::App& app = program.add_command(
      "logits", "Logits of a token sequence as a safetensors file", kLogitsExamples,
      [command](const GlobalOptions& global) { run(*command, global); });
  app.add_option("--model,-m", command->model, "model, checkpoint or run directory, or GGUF file")
      ->required();
  app.add_option("--ids", command->ids, "token ids, separated by commas")->required();
  app.add_option("--out,-o", command->out, "file to write: ids [T], logits [T, V] in fp32")
      ->required();
  app.add_flag("--force", command->force, "replace an existing file");
}

}  // namespace llm::apps
