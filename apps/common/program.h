// What all programs share: commands with global options, exit codes, error messages.
//
//   int main(int argc, char** argv) {
//     Program program("llmtok", "Trains and applies tokenizers");
//     add_train_command(program);
//     return program.run(argc, argv);
//   }
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

#include "common/errors.h"

namespace llm::apps {

struct GlobalOptions {
  bool json = false;     // one JSON object on stdout instead of text; logs stay on stderr
  bool quiet = false;    // no progress, warnings only
  bool verbose = false;  // debug lines too
  int num_threads = 1;
  bool has_num_threads = false;  // the user chose it
  std::string device = "auto";   // auto, cpu, cuda, cuda:N; of programs that have one

  bool shows_progress() const { return !quiet; }
};

class Program {
 public:
  using Run = std::function<void(const GlobalOptions&)>;
  enum class Devices { kNone, kChoice };  // whether commands have --device

  Program(std::string name, std::string description, Devices devices = Devices::kNone);

  // A command of the program. `run` is called after its options were read; what it throws becomes
  // the exit code. The result is for adding options; it lives as long as the program.
  CLI::App& add_command(const std::string& name, const std::string& help,
                        const std::string& examples, Run run);
  // For a program without commands.
  CLI::App& set_main(const std::string& examples, Run run);

  // How exceptions of a library that this program links are told (common/torch_errors.h).
  void translate_errors(ErrorTranslator translate) { translate_ = std::move(translate); }

  // Parses, runs, reports. Returns the exit code of docs/design.md section 8.
  int run(int argc, char** argv);

 private:
  void add_global_options(CLI::App& command);
  void define(CLI::App& command, const std::string& examples, Run run);
  int parse_and_run(int argc, char** argv);

  CLI::App app_;
  Devices devices_;
  GlobalOptions options_;
  Run chosen_;
  ErrorTranslator translate_;
};

const char* program_version();

// Cores this process may use.
int available_cores();

}  // namespace llm::apps
