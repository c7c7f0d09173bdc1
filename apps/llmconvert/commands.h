// The commands of llmconvert.
#pragma once

#include <string>

#include "common/program.h"
#include "llm/eval/verify.h"

namespace llm::apps {

void add_import_command(Program& program);
void add_verify_command(Program& program);

// Failed rows first, equal cells as "=", and one closing line.
std::string verify_table(const eval::VerifyReport& report);

}  // namespace llm::apps
