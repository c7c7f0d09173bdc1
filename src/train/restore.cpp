#include "llm/train/restore.h"

#include <sstream>

#include "llm/core/error.h"

namespace llm::train {

namespace {

core::ConfigError wrong_list(const std::string& got, const std::string& hint) {
  return core::ConfigError(
      {"--restore", "all, or weights with any of optimizer, step, data, as weights,optimizer", got,
       hint});
}

}  // namespace

Restore parse_restore(const std::string& list) {
  if (list == "all") return {};
  Restore restore{.optimizer = false, .step = false, .data = false};
  bool has_weights = false;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == "weights") {
      has_weights = true;
    } else if (word == "optimizer") {
      restore.optimizer = true;
    } else if (word == "step") {
      restore.step = true;
    } else if (word == "data") {
      restore.data = true;
    } else {
      throw wrong_list(word.empty() ? "nothing" : word, "Name what to take over");
    }
  }
  if (list.ends_with(',')) throw wrong_list(list, "Name what follows the last comma");
  if (!has_weights)
    throw wrong_list(list, "Weights are always taken over: a run without them is a new one");
  return restore;
}

}  // namespace llm::train
