#include <fmt/format.h>

#include <memory>

#include "common/errors.h"
#include "common/interrupt.h"
#include "common/progress.h"
#include "llm/tensor/device.h"
#include "llmconvert/commands.h"

namespace llm::apps {
namespace {

io::OrderedJson report_json(const convert::ConversionResult& result, const ReportExtras& extras) {
  io::OrderedJson json = {{"path", result.path.string()}, {"passed", result.gate.passed}};
  if (!result.gate.passed) json["report"] = result.report.string();
  json.update(extras.json);
  json["verify"] = result.gate.report;
  return json;
}

std::string outcome(const std::string& verb, const convert::ConversionResult& result) {
  if (result.gate.passed) return verb + " to " + result.path.string();
  return "refused; it lies in " + result.path.string() + ", why in " + result.report.string();
}

}  // namespace

std::function<void(const std::string&)> watch_reading(const GlobalOptions& global) {
  const auto progress = std::make_shared<Progress>("convert", global.shows_progress());
  const auto num_read = std::make_shared<uint64_t>(0);
  return [=](const std::string& name) {
    check_interrupt();
    progress->update(++*num_read, 0, name);
  };
}

namespace {

// The line that shows the progress is gone when this returns.
convert::ConversionResult convert_watched(const ConversionJob& job, const GlobalOptions& global,
                                          eval::VerifyReport& report) {
  convert::Conversion conversion = job.conversion;
  conversion.open.on_read = watch_reading(global);
  eval::VerifyOptions options{.device = tensor::parse_device(global.device),
                              .open = conversion.open};
  options.open.warns = false;  // the conversion itself has
  return convert::convert_model(
      conversion, job.write,
      [&](const std::filesystem::path& source, const std::filesystem::path& made) {
        report = job.verify(source, made, options);
        return convert::GateReport{.passed = report.passed(), .report = eval::to_json(report)};
      });
}

}  // namespace

void convert_and_report(const ConversionJob& job, const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  eval::VerifyReport report;
  const convert::ConversionResult result = convert_watched(job, global, report);
  ReportExtras extras;
  if (result.gate.passed && job.finish) extras = job.finish(result);
  if (global.json) {
    fmt::print("{}\n", io::dump_json(report_json(result, extras)));
  } else if (global.quiet) {
    fmt::print("{}", verify_table(report, TableRows::kFailed));
    if (!result.gate.passed) fmt::print("\n{}\n", outcome(job.verb, result));
  } else {
    fmt::print("{}\n{}\n{}", verify_table(report, TableRows::kAll), outcome(job.verb, result),
               extras.text);
  }
  if (!result.gate.passed) throw AlreadyTold{};
}

}  // namespace llm::apps
