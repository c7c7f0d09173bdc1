// The commands of llmtok.
#pragma once

#include "common/program.h"

namespace llm::apps {

void add_train_command(Program& program);
void add_encode_command(Program& program);
void add_decode_command(Program& program);
void add_inspect_command(Program& program);
void add_extend_command(Program& program);
void add_render_command(Program& program);

}  // namespace llm::apps
