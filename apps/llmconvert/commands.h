// The commands of llmconvert.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "common/program.h"
#include "llm/convert/conversion.h"
#include "llm/eval/verify.h"

namespace llm::apps {

void add_import_command(Program& program);
void add_export_command(Program& program);
void add_merge_command(Program& program);
void add_verify_command(Program& program);

// What a command has to say besides the gate's report.
struct ReportExtras {
  std::string text;  // lines for people
  io::OrderedJson json = io::OrderedJson::object();
};

struct ConversionJob {
  std::string verb;  // for people: "imported"
  convert::Conversion conversion;
  convert::ModelWriter write;
  // The gate.
  std::function<eval::VerifyReport(const std::filesystem::path& source,
                                   const std::filesystem::path& result,
                                   const eval::VerifyOptions& options)>
      verify = eval::verify_models;
  // Called when the result has taken its name.
  std::function<ReportExtras(const convert::ConversionResult& result)> finish = {};
};

// Shows which tensor is being read and throws Interrupted on Ctrl-C: for convert::OpenOptions.
std::function<void(const std::string& name)> watch_reading(const GlobalOptions& global);

// Converts behind the gate, prints its table (or the JSON object) and where the result lies; under
// --quiet only what failed, and the verdict.
// Throws: AlreadyTold when the gate refused the result; Interrupted, and then nothing was made.
void convert_and_report(const ConversionJob& job, const GlobalOptions& global);

// Failed rows first (or alone), equal cells as "=", and one closing line.
enum class TableRows { kAll, kFailed };
std::string verify_table(const eval::VerifyReport& report, TableRows shown);

}  // namespace llm::apps
