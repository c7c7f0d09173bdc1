#include "common/usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "llm/core/config.h"

namespace llm::apps {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

// One or two sentences without the last full stop.
std::string with_nearest(std::string sentence, const std::string& name,
                         const std::vector<std::string>& candidates, const char* prefix) {
  const std::string near = core::nearest_name(name, candidates);
  if (!near.empty()) sentence += fmt::format(". Did you mean {}{}?", prefix, near);
  return sentence;
}

std::string unknown_option(const CLI::App& command, const std::string& path,
                           const std::string& argument) {
  const std::string option = argument.substr(0, argument.find('='));
  const std::string name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
  return with_nearest(fmt::format("{} is not an option of {}", option, path), name,
                      option_names(command), "--");
}

std::string unknown_argument(const CLI::App& command, const std::string& path,
                             const std::string& argument) {
  const std::vector<std::string> commands = command_names(command);
  if (commands.empty()) return fmt::format("\"{}\" is not expected by {}", argument, path);
  return with_nearest(fmt::format("\"{}\" is not a command of {}, which has {}", argument, path,
                                  fmt::join(commands, ", ")),
                      argument, commands, "");
}

// What the parser could not place says more than what it then missed.
std::string mistake(const CLI::App& command, const std::string& path,
                    const CLI::ParseError& error) {
  const std::vector<std::string> unplaced = command.remaining();
  const bool has_commands = !command_names(command).empty();
  const auto is_option = [](const std::string& argument) { return argument.starts_with("-"); };
  const auto option = std::ranges::find_if(unplaced, is_option);
  const auto argument = std::ranges::find_if_not(unplaced, is_option);
  const bool prefers_argument = has_commands || option == unplaced.end();
  if (argument != unplaced.end() && prefers_argument) {
    return unknown_argument(command, path, *argument);
  }
  if (option != unplaced.end()) return unknown_option(command, path, *option);
  if (!has_commands) return error.what();
  return fmt::format("expected a command: {}", fmt::join(command_names(command), ", "));
}

}  // namespace

std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string path =
      chosen.empty() ? app.get_name() : app.get_name() + " " + command.get_name();
  std::string text = mistake(command, path, error);
  if (!chosen.empty() && app.remaining_size() > 0) {
    text =
        fmt::format("{} stands before the command; its options follow it", app.remaining().front());
  }
  return fmt::format("{}{} See {} --help", text, text.ends_with('?') ? "" : ".", path);
}

}  // namespace llm::apps
