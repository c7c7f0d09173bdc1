#include <fmt/format.h>

#include <map>
#include <memory>

#include "common/errors.h"
#include "llm/convert/import_directory.h"
#include "llm/tensor/device.h"
#include "llmconvert/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kImportExamples =
    "  llmconvert import --from downloads/SmolLM2-135M --out models/smollm2\n"
    "  llmconvert import --from hf --out small --dtype bf16 --force";

const std::map<std::string, at::ScalarType> kDtypes = {
    {"f32", at::kFloat}, {"bf16", at::kBFloat16}, {"f16", at::kHalf}};

struct ImportCommand {
  std::string from;
  std::string out;
  std::string dtype;
  bool force = false;
  bool strict = false;
};

void print_result(const convert::ImportResult& result, const eval::VerifyReport& report,
                  const GlobalOptions& global) {
  if (global.json) {
    const io::OrderedJson json = {{"directory", result.directory.string()},
                                  {"passed", result.gate.passed},
                                  {"verify", result.gate.report}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{}\n{}\n", verify_table(report),
               result.gate.passed ? "imported to " + result.directory.string()
                                  : "refused; it lies in " + result.directory.string() +
                                        " with import_report.json");
  }
  if (!result.gate.passed) throw ResultIsFailure{};
}

void run(const ImportCommand& command, const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  const eval::VerifyOptions verify{.device = tensor::parse_device(global.device)};
  convert::ImportOptions options{.from = command.from, .out = command.out, .dtype = {}};
  if (!command.dtype.empty()) options.dtype = kDtypes.at(command.dtype);
  options.force = command.force;
  options.strict = command.strict;
  eval::VerifyReport report;
  const convert::ImportResult result = convert::import_directory(
      options, [&](const std::filesystem::path& source, const std::filesystem::path& made) {
        report = eval::verify_models(source, made, verify);
        return convert::GateReport{.passed = report.passed(), .report = eval::to_json(report)};
      });
  print_result(result, report, global);
}

}  // namespace

void add_import_command(Program& program) {
  const auto command = std::make_shared<ImportCommand>();
  CLI::App& app = program.add_command(
      "import", "A Hugging Face directory to ours, checked by verify before it takes its name",
      kImportExamples, [command](const GlobalOptions& global) { run(*command, global); });
  app.add_option("--from", command->from, "Hugging Face model directory")->required();
  app.add_option("--out", command->out, "directory to make")->required();
  app.add_option("--dtype", command->dtype, "f32, bf16 or f16; the source's without it")
      ->check(CLI::IsMember(kDtypes))
      ->type_name("NAME");
  app.add_flag("--force", command->force, "replace an existing model directory");
  app.add_flag("--strict", command->strict, "unknown keys in config.json are errors");
}

}  // namespace llm::apps
