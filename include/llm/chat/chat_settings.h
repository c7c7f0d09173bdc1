// What a person may set in a conversation: how replies are sampled and where they end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/core/config.h"
#include "llm/generate/sampling_config.h"

namespace llm::chat {

struct ChatSettings {
  generate::SamplingConfig sampling;
  std::optional<int64_t> max_tokens;  // none: until the context is full
  std::vector<std::string> stop;

  template <class V>
  void visit(V& v) {
    sampling.visit(v);
    v.field("max_tokens", max_tokens, "longest reply; null: as long as the context lasts",
            core::at_least(1));
    v.field("stop", stop, "texts that end a reply");
  }
};

}  // namespace llm::chat
