// Learning-rate schedules: warm-up from 0 over `warmup_steps`, then one of the shapes below, as a
// multiple of the peak rate.
//   constant      1
//   linear        1 -> min_ratio at the last step
//   cosine        min_ratio + (1 - min_ratio) (1 + cos(pi p)) / 2,  p = progress after warm-up
//   wsd           1, then over the last `decay_fraction` of all steps a linear fall to min_ratio
//   (arXiv 2404.06395) inverse_sqrt  sqrt(warmup / step) (Vaswani et al., arXiv 1706.03762)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"

namespace llm::optim {

enum class ScheduleType { kConstant, kLinear, kCosine, kWsd, kInverseSqrt };
const std::vector<std::pair<ScheduleType, std::string>>& config_enum_names(ScheduleType);

struct ScheduleConfig {
  ScheduleType type = ScheduleType::kCosine;
  int64_t warmup_steps = 100;
  double min_ratio = 0.1;
  double decay_fraction = 0.2;

  template <class V>
  void visit(V& v) {
    v.field("type", type, "shape after the warm-up");
    v.field("warmup_steps", warmup_steps, "steps from 0 to the peak rate; 0: none",
            core::at_least(0));
    v.field("min_ratio", min_ratio, "last rate as a share of the peak (linear, cosine, wsd)",
            core::between(0, 1));
    v.field("decay_fraction", decay_fraction, "share of all steps that falls (wsd)",
            core::between(0, 1));
  }
};

// The factor for `step` (1-based) of `total_steps`. Pure.
double schedule_factor(const ScheduleConfig& config, int64_t step, int64_t total_steps);

}  // namespace llm::optim
