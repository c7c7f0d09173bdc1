// What llmchat does with its options.
#pragma once

#include "common/program.h"
#include "llmchat/chat_options.h"

namespace llm::apps {

// Loads the model, then answers once (-p), or talks until the input ends.
void run_chat(const ChatOptions& options, const GlobalOptions& global);

}  // namespace llm::apps
