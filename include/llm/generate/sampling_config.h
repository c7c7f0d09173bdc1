// How the next token is chosen. Names, order and meaning follow llama.cpp.
#pragma once

#include <cstdint>
#include <optional>

#include "llm/core/config.h"

namespace llm::generate {

struct SamplingConfig {
  double temperature = 0.8;
  int64_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double repeat_penalty = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  int64_t repeat_last_n = 64;
  std::optional<int64_t> seed;

  template <class V>
  void visit(V& v) {
    v.field("temperature", temperature, "divides the logits; 0: always the likeliest token",
            core::at_least(0));
    v.field("top_k", top_k, "only the k likeliest tokens; 0: all", core::at_least(0));
    v.field("top_p", top_p, "only the likeliest tokens that reach this probability; 1: all",
            core::Range{0, 1, true, false});
    v.field("min_p", min_p,
            "only tokens with this share of the likeliest one's probability; 0: all",
            core::between(0, 1));
    v.field("repeat_penalty", repeat_penalty, "divides the logits of recent tokens; 1: off",
            core::between(0.01, 100));
    v.field("presence_penalty", presence_penalty, "subtracted once for a recent token; 0: off");
    v.field("frequency_penalty", frequency_penalty,
            "subtracted for every recent occurrence; 0: off");
    v.field("repeat_last_n", repeat_last_n, "tokens that count as recent; 0: none, -1: all",
            core::at_least(-1));
    v.field("seed", seed, "same seed, same text; null: a new one every time", core::at_least(0));
  }
};

// The seed, or one from the system's random device.
uint64_t resolve_seed(const SamplingConfig& config);

}  // namespace llm::generate
