// The commands of the terminal, as a table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/repl_state.h"

namespace llm::chat {

enum class ArgumentKind { kNone, kText, kFile, kTemplate, kSetting, kCommand };

struct Command {
  const char* name;  // with its '/'
  std::vector<const char*> aliases;
  const char* arguments;  // as /help shows them
  const char* help;       // one line
  const char* details;    // for /help NAME; "" when the line says it all
  ArgumentKind argument;
  void (*run)(Repl& repl, const std::string& argument);  // throws core::Error
};
std::span<const Command> commands();
// Null when there is none. `name` may be an alias, and may lack the '/'.
const Command* find_command(std::string_view name);

// A line that begins with '/'. Throws: ConfigError for an unknown command or an argument where none
// belongs; what the command throws.
void run_command(Repl& repl, const std::string& line);

// commands_conversation.cpp
void run_exit(Repl& repl, const std::string& argument);
void run_clear(Repl& repl, const std::string& argument);
void run_regen(Repl& repl, const std::string& argument);
void run_undo(Repl& repl, const std::string& argument);
void run_system(Repl& repl, const std::string& argument);
void run_save(Repl& repl, const std::string& argument);
void run_load(Repl& repl, const std::string& argument);
void run_read(Repl& repl, const std::string& argument);
// commands_settings.cpp
void run_help(Repl& repl, const std::string& argument);
void run_set(Repl& repl, const std::string& argument);
void run_show(Repl& repl, const std::string& argument);
void run_stats(Repl& repl, const std::string& argument);
void run_template(Repl& repl, const std::string& argument);

// Names of the settings of /set.
std::vector<std::string> setting_names();

}  // namespace llm::chat
