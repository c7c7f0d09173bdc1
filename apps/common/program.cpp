#include "common/program.h"

#include <fmt/format.h>
#include <sched.h>

#include <cstdio>
#include <sstream>
#include <string_view>

#include "common/errors.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "common/usage.h"
#include "common/validators.h"
#include "llm/core/log.h"

namespace llm::apps {
namespace {

constexpr const char* kGlobalGroup = "Options of every command";

void start_log(const GlobalOptions& options) {
  core::LogConfig config;
  if (options.quiet) config.level = core::LogLevel::kWarn;
  if (options.verbose) config.level = core::LogLevel::kDebug;
  core::configure_log(config);
}

// Known before the command line is understood, for errors in it.
bool asks_for_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") return true;
  }
  return false;
}

}  // namespace

Program::Program(std::string name, std::string description, Devices devices)
    : app_(std::move(description), std::move(name)), devices_(devices) {
  app_.set_version_flag("--version", app_.get_name() + " " + LLM_VERSION);
  app_.get_formatter()->column_width(34);
}

CLI::App& Program::add_command(const std::string& name, const std::string& help,
                               const std::string& examples, Run run) {
  CLI::App& command = *app_.add_subcommand(name, help);
  app_.require_subcommand(1);
  define(command, examples, std::move(run));
  return command;
}

CLI::App& Program::set_main(const std::string& examples, Run run) {
  define(app_, examples, std::move(run));
  return app_;
}

void Program::define(CLI::App& command, const std::string& examples, Run run) {
  add_global_options(command);
  command.footer("Examples:\n" + examples);
  command.callback([this, run = std::move(run)] { chosen_ = run; });
}

void Program::add_global_options(CLI::App& command) {
  const auto group = [](CLI::Option* option) { option->group(kGlobalGroup); };
  group(command.add_flag("--json", options_.json, "machine output on stdout"));
  group(command.add_flag("--quiet,-q", options_.quiet, "no progress, warnings only"));
  group(command.add_flag("--verbose,-v", options_.verbose, "more detail"));
  options_.num_threads = available_cores();
  group(command.add_option("--threads", options_.num_threads, "threads to use")
            ->check(whole_number(1, 4096))
            ->type_name("N")
            ->each([this](const std::string&) { options_.has_num_threads = true; })
            ->capture_default_str());
  if (devices_ == Devices::kNone) return;
  group(command.add_option("--device", options_.device, "auto, cpu or cuda[:N]")
            ->type_name("D")
            ->capture_default_str());
}

int Program::run(int argc, char** argv) {
  const ErrorReporter reporter{app_.get_name(), asks_for_json(argc, argv), translate_};
  try {
    const int exit_code = parse_and_run(argc, argv);
    flush_output();
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return reporter.report_usage(describe_usage_error(app_, error));
  } catch (...) {
    return reporter.report_current_exception();
  }
}

int Program::parse_and_run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    std::ostringstream text, unused;
    const int exit_code = app_.exit(request, text, unused);
    write_output(text.str());
    return exit_code;
  }
  start_log(options_);
  catch_interrupts();
  chosen_(options_);
  return kExitOk;
}

const char* program_version() { return LLM_VERSION; }

int available_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return CPU_COUNT(&cores);
}

}  // namespace llm::apps
