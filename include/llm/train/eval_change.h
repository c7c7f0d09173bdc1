// What a run changed on its held-out samples, with what chance alone may do: the evaluation before
// the first step against the last, sample by sample (docs/post_training.md).
#pragma once

#include <cstdint>
#include <optional>

#include "llm/core/paired.h"

namespace llm::train {

struct EvalChange {
  int64_t from_step = 0;
  int64_t to_step = 0;
  core::PairedChange nll;  // nats per trained token; of pairs, per token of the chosen answers

  struct Pairs {
    core::PairedChange margin;    // mean l(y_w) - l(y_l), which does not scale with beta
    core::PairedChange accuracy;  // share of pairs whose chosen answer has the larger reward
    int64_t gained = 0;           // wrong before, right after
    int64_t lost = 0;
    double p = 1;  // of McNemar's exact test
  };
  std::optional<Pairs> pairs;
};

}  // namespace llm::train
