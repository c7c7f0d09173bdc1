#include <fmt/format.h>

#include "common/errors.h"
#include "llm/tensor/device.h"
#include "llmconvert/commands.h"

namespace llm::apps {
namespace {

void print_json(const convert::ConversionResult& result) {
  io::OrderedJson json = {{"path", result.path.string()}, {"passed", result.gate.passed}};
  if (!result.gate.passed) json["report"] = result.report.string();
  json["verify"] = result.gate.report;
  fmt::print("{}\n", json.dump());
}

}  // namespace

convert::ConversionResult convert_and_report(const std::string& verb,
                                             const convert::Conversion& conversion,
                                             const convert::ModelWriter& write,
                                             const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  const eval::VerifyOptions verify{.device = tensor::parse_device(global.device)};
  eval::VerifyReport report;
  convert::ConversionResult result = convert::convert_model(
      conversion, write,
      [&](const std::filesystem::path& source, const std::filesystem::path& made) {
        report = eval::verify_models(source, made, verify);
        return convert::GateReport{.passed = report.passed(), .report = eval::to_json(report)};
      });
  if (global.json) {
    print_json(result);
  } else {
    fmt::print("{}\n{}\n", verify_table(report),
               result.gate.passed ? verb + " to " + result.path.string()
                                  : "refused; it lies in " + result.path.string() + ", why in " +
                                        result.report.string());
  }
  if (!result.gate.passed) throw ResultIsFailure{};
  return result;
}

}  // namespace llm::apps
