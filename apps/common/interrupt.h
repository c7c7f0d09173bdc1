// Ctrl-C and friends: the first SIGINT, SIGTERM or SIGHUP raises a flag that long work looks at,
// the second ends the process at once.
#pragma once

namespace llm::apps {

struct Interrupted {};  // exit code 130

void catch_interrupts();
bool interrupt_requested();
// Throws: Interrupted when one was requested.
void check_interrupt();

}  // namespace llm::apps
