// The commands of llmdata.
#pragma once

#include "common/program.h"

namespace llm::apps {

void add_prepare_command(Program& program);
void add_stats_command(Program& program);
void add_show_command(Program& program);

}  // namespace llm::apps
