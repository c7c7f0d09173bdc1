// The commands of llmconvert.
#pragma once

#include <string>

#include "common/program.h"
#include "llm/convert/conversion.h"
#include "llm/eval/verify.h"

namespace llm::apps {

void add_import_command(Program& program);
void add_export_command(Program& program);
void add_verify_command(Program& program);

// Converts behind eval::verify_models, prints its table (or the JSON object) and where the result
// lies. `verb` is for people: "imported". Throws: ResultIsFailure when the gate refused the result.
convert::ConversionResult convert_and_report(const std::string& verb,
                                             const convert::Conversion& conversion,
                                             const convert::ModelWriter& write,
                                             const GlobalOptions& global);

// Failed rows first, equal cells as "=", and one closing line.
std::string verify_table(const eval::VerifyReport& report);

}  // namespace llm::apps
