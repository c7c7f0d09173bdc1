#include "train/spike_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace llm::train {

namespace {

constexpr double kSmallestDeviation = 0.01;  // of the mean

bool compares(const SpikeSection& config) { return config.action != SpikeAction::kNone; }

}  // namespace

std::optional<std::string> find_spike(const SpikeSection& config,
                                      const std::vector<double>& recent_losses, double loss,
                                      double grad_norm) {
  if (!std::isfinite(loss) || !std::isfinite(grad_norm))
    return fmt::format("loss {} and gradient norm {}", loss, grad_norm);
  const auto count = static_cast<double>(recent_losses.size());
  if (!compares(config) || static_cast<int64_t>(recent_losses.size()) < config.window) return {};
  const double mean = std::accumulate(recent_losses.begin(), recent_losses.end(), 0.0) / count;
  double squares = 0;
  for (const double value : recent_losses) squares += (value - mean) * (value - mean);
  const double deviation =
      std::max(std::sqrt(squares / count), kSmallestDeviation * std::abs(mean));
  const double limit = mean + config.threshold * deviation;
  if (loss <= limit) return {};
  return fmt::format("loss {:.4g} above {:.4g}, the mean {:.4g} of {} steps and {:g} deviations",
                     loss, limit, mean, recent_losses.size(), config.threshold);
}

void remember_loss(const SpikeSection& config, double loss, std::vector<double>& recent_losses) {
  if (!compares(config)) return;
  recent_losses.push_back(loss);
  const auto window = static_cast<size_t>(config.window);
  if (recent_losses.size() > window)
    recent_losses.erase(recent_losses.begin(),
                        recent_losses.end() - static_cast<std::ptrdiff_t>(window));
}

}  // namespace llm::train
