#include "llm/train/run_sections.h"

namespace llm::train {

core::ConfigNode without_secrets(core::ConfigNode config) {
  core::ConfigNode* log = config.find("log");
  core::ConfigNode* webhook = log != nullptr ? log->find("webhook") : nullptr;
  if (webhook != nullptr) webhook->text.clear();
  return config;
}

}  // namespace llm::train
