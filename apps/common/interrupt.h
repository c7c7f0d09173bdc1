// Ctrl-C and friends: the first SIGINT, SIGTERM or SIGHUP raises a flag that long work looks at,
// the second ends the process at once.
#pragma once

#include <string>

namespace llm::apps {

// Thrown where the work ends; exit code 130.
struct Interrupted {
  // Follows the word "interrupted": when, what was saved, how to go on; "" when nothing was saved.
  std::string note = {};
  bool has_result = false;  // under --json: the command has printed its object already
};

void catch_interrupts();
bool interrupt_requested();
int interrupt_signal();  // the first that came; 0: none
// Throws: Interrupted when one was requested.
void check_interrupt();

}  // namespace llm::apps
