// The commands of llmeval.
#pragma once

#include "common/program.h"

namespace llm::apps {

void add_ppl_command(Program& program);
void add_logits_command(Program& program);

}  // namespace llm::apps
