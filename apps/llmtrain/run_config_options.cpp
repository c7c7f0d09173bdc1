#include "llm/io/config_json.h"
#include "llmtrain/commands.h"

namespace llm::apps {

void RunConfigOptions::add_to(CLI::App& command) {
  command
      .add_option("--config", file,
                  "run config: a JSON file, comments allowed (keys: --help-config)")
      ->required();
  command.add_option("--set", overrides, "change one setting: --set optim.lr=3e-4 (repeatable)")
      ->type_name("KEY=VALUE");
}

core::ConfigNode RunConfigOptions::read_node() const {
  core::ConfigNode root = io::load_config_file(file);
  for (const std::string& assignment : overrides) io::apply_override(root, assignment);
  return root;
}

}  // namespace llm::apps
