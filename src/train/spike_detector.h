// Tells losses that leap from those that wander.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llm/train/run_sections.h"

namespace llm::train {

// A spike: a loss or gradient norm that is no finite number; or, once `config.window` losses are
// known, a loss above mean + threshold * deviation of these. The deviation counts as at least 1 %
// of the mean, so that a smooth curve is not all spikes. What happened, or nothing.
std::optional<std::string> find_spike(const SpikeSection& config,
                                      const std::vector<double>& recent_losses, double loss,
                                      double grad_norm);

// The losses that the next one is compared with.
void remember_loss(const SpikeSection& config, double loss, std::vector<double>& recent_losses);

}  // namespace llm::train
