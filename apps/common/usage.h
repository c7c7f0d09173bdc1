// Mistakes on the command line, in words that name the mistake.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace llm::apps {

// Names what was not understood, with the nearest name there is, and the help page that lists the
// right ones. Requires: `error` came out of app.parse().
std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace llm::apps
