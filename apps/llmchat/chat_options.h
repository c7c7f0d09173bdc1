// The command line of llmchat.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/program.h"
#include "llm/chat/chat_settings.h"

namespace llm::apps {

struct ChatOptions {
  std::string model;
  std::optional<std::string> prompt;
  std::string system, system_file;
  std::string load;                             // a saved conversation
  std::string chat_template;                    // a name or a file; "": the model's own
  std::map<std::string, std::string> sampling;  // by flag name; "" when not given
  std::optional<int64_t> max_tokens, context;
  std::vector<std::string> stop;
};

void add_chat_options(CLI::App& command, ChatOptions& options);

// The flags that were given, laid over `settings`. Throws: ConfigError naming the flag.
chat::ChatSettings with_flags(chat::ChatSettings settings, const ChatOptions& options);

}  // namespace llm::apps
