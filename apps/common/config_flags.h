// Command-line flags made from a config struct's own field list (llm/core/config.h), laid over the
// file of --config.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "llm/core/config.h"
#include "llm/io/config_json.h"

namespace llm::apps {

// For structs of plain fields: "max_tokens_per_shard" becomes --max-tokens-per-shard, and a section
// "read" puts --read- in front. Lists of structs are for the file alone. Must outlive the parse.
class ConfigFlags {
 public:
  template <class Struct>
  void add_to(CLI::App& command, const Struct& defaults) {
    add_config_option(command);
    const auto visitor = make_visitor(command);
    Struct copy = defaults;
    copy.visit(*visitor);
  }

  // Defaults, then the file, then the flags. Requires: the command line was parsed.
  // Throws: ConfigError naming the file's line or the flag.
  template <class Struct>
  Struct resolve(Struct defaults) const {
    core::parse_config(tree(), defaults);
    return defaults;
  }

  struct Flag {
    std::string key;       // dotted
    bool is_text = false;  // as it stands; else read as JSON
    bool is_list = false;
    std::vector<std::string> values;
  };

 private:
  void add_config_option(CLI::App& command);
  std::unique_ptr<core::ConfigVisitor> make_visitor(CLI::App& command);
  core::ConfigNode tree() const;

  std::string file_;
  std::map<std::string, Flag> flags_;  // by "--name"; references into it stay valid
};

}  // namespace llm::apps
