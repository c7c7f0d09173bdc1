#include "llm/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "llm/core/check.h"

namespace llm::optim {

const std::vector<std::pair<ScheduleType, std::string>>& config_enum_names(ScheduleType) {
  static const std::vector<std::pair<ScheduleType, std::string>> names{
      {ScheduleType::kConstant, "constant"},
      {ScheduleType::kLinear, "linear"},
      {ScheduleType::kCosine, "cosine"},
      {ScheduleType::kWsd, "wsd"},
      {ScheduleType::kInverseSqrt, "inverse_sqrt"}};
  return names;
}

namespace {

double fall(double min_ratio, double progress) { return 1 - (1 - min_ratio) * progress; }

}  // namespace

double schedule_factor(const ScheduleConfig& config, int64_t step, int64_t total_steps) {
  LLM_CHECK(step >= 1, "steps count from 1");
  const auto warmup = static_cast<double>(config.warmup_steps);
  const auto now = static_cast<double>(step);
  if (step <= config.warmup_steps) return now / warmup;
  const double span = std::max(1.0, static_cast<double>(total_steps) - warmup);
  const double progress = std::clamp((now - warmup) / span, 0.0, 1.0);
  switch (config.type) {
    case ScheduleType::kConstant:
      return 1;
    case ScheduleType::kLinear:
      return fall(config.min_ratio, progress);
    case ScheduleType::kCosine:
      return config.min_ratio +
             (1 - config.min_ratio) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    case ScheduleType::kWsd: {
      const double decay = config.decay_fraction * static_cast<double>(total_steps);
      const double into = now - (static_cast<double>(total_steps) - decay);
      return into <= 0 ? 1 : fall(config.min_ratio, std::min(1.0, into / decay));
    }
    case ScheduleType::kInverseSqrt:
      return std::sqrt(std::max(1.0, warmup) / now);
  }
  return 1;
}

}  // namespace llm::optim
