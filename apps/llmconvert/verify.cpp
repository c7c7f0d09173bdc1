#include "llm/eval/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "common/errors.h"
#include "common/table.h"
#include "llm/tensor/device.h"
#include "llmconvert/commands.h"

namespace llm::apps {
namespace {

constexpr size_t kMaxCellWidth = 44;

constexpr const char* kVerifyExamples =
    "  llmconvert verify smollm2 converted/smollm2\n"
    "  llmconvert verify runs/first exported --json";

struct VerifyCommand {
  std::string source;
  std::string result;
  std::string base;
};

// The JSON report has every cell whole.
std::string cell(const std::string& text) {
  if (display_width(text) <= kMaxCellWidth) return text;
  return cut_to_width(text, kMaxCellWidth - 3) + "...";
}

void run(const VerifyCommand& command, const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  const eval::VerifyReport report =
      eval::verify_models(command.source, command.result,
                          {.device = tensor::parse_device(global.device),
                           .open = {.base = command.base, .on_read = watch_reading(global)}});
  if (global.json) {
    fmt::print("{}\n", io::dump_json(eval::to_json(report)));
  } else {
    fmt::print("{}", verify_table(report, global.quiet ? TableRows::kFailed : TableRows::kAll));
  }
  if (!report.passed()) throw AlreadyTold{};
}

}  // namespace

std::string verify_table(const eval::VerifyReport& report, TableRows shown) {
  std::vector<eval::VerifyRow> rows = report.rows;
  const auto first_passed = std::stable_partition(
      rows.begin(), rows.end(),
      [](const eval::VerifyRow& row) { return row.verdict == eval::Verdict::kFail; });
  const auto failed = first_passed - rows.begin();
  const auto num_checks = rows.size();
  if (shown == TableRows::kFailed) rows.erase(first_passed, rows.end());
  Table table(std::vector<Align>(5, Align::kLeft));
  table.set_header({"", "check", "source", "result", "note"});
  for (const eval::VerifyRow& row : rows) {
    table.add_row({eval::verdict_name(row.verdict), row.check, cell(row.source),
                   row.source == row.result ? "=" : cell(row.result), row.note});
  }
  const std::string verdict =
      failed == 0 ? fmt::format("The result is a faithful copy: {} checks.", num_checks)
                  : fmt::format("The result is NOT a faithful copy: {} of {} checks failed.",
                                failed, num_checks);
  return rows.empty() ? verdict + "\n" : table.text() + "\n" + verdict + "\n";
}

void add_verify_command(Program& program) {
  const auto command = std::make_shared<VerifyCommand>();
  CLI::App& app = program.add_command(
      "verify", "Is the second model a faithful copy of the first? Exit code 1 when it is not",
      kVerifyExamples, [command](const GlobalOptions& global) { run(*command, global); });
  app.add_option("SOURCE", command->source,
                 "model, adapter, checkpoint or run directory, or GGUF file")
      ->required();
  app.add_option("RESULT", command->result, "the copy; its dtype may differ")->required();
  app.add_option("--base", command->base, "of an adapter: the model that it is for");
}

}  // namespace llm::apps
