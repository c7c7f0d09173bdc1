// Oracle: hand-computed points of each schedule, continuity, and the formula of transformers'
// cosine schedule with a floor.
#include "llm/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace llm::optim {
namespace {

ScheduleConfig config_of(ScheduleType type) {
  ScheduleConfig config;
  config.type = type;
  config.warmup_steps = 10;
  config.min_ratio = 0.1;
  config.decay_fraction = 0.2;
  return config;
}

TEST(Schedule, WarmsUpLinearlyToThePeak) {
  for (const auto& [type, name] : config_enum_names(ScheduleType{})) {
    EXPECT_DOUBLE_EQ(schedule_factor(config_of(type), 1, 110), 0.1) << name;
    EXPECT_DOUBLE_EQ(schedule_factor(config_of(type), 10, 110), 1.0) << name;
  }
}

TEST(Schedule, ReachesTheFloorAtTheLastStep) {
  for (const auto type : {ScheduleType::kLinear, ScheduleType::kCosine, ScheduleType::kWsd}) {
    EXPECT_NEAR(schedule_factor(config_of(type), 110, 110), 0.1, 1e-12);
  }
  EXPECT_DOUBLE_EQ(schedule_factor(config_of(ScheduleType::kConstant), 110, 110), 1.0);
}

TEST(Schedule, HalfWayPoints) {
  EXPECT_NEAR(schedule_factor(config_of(ScheduleType::kLinear), 60, 110), 0.55, 1e-12);
  EXPECT_NEAR(schedule_factor(config_of(ScheduleType::kCosine), 60, 110), 0.55, 1e-12);
  EXPECT_NEAR(schedule_factor(config_of(ScheduleType::kInverseSqrt), 40, 110), 0.5, 1e-12);
  // WSD: stable until step 88, then 22 steps of fall.
  EXPECT_DOUBLE_EQ(schedule_factor(config_of(ScheduleType::kWsd), 88, 110), 1.0);
  EXPECT_NEAR(schedule_factor(config_of(ScheduleType::kWsd), 99, 110), 0.55, 1e-12);
}

TEST(Schedule, NeverJumpsAfterTheWarmUp) {
  for (const auto& [type, name] : config_enum_names(ScheduleType{})) {
    for (int64_t step = 11; step <= 110; ++step) {
      const double change = schedule_factor(config_of(type), step, 110) -
                            schedule_factor(config_of(type), step - 1, 110);
      EXPECT_LE(std::fabs(change), 0.05) << name << " at " << step;
    }
  }
}

TEST(Schedule, HoldsTheFloorBeyondTheLastStep) {
  EXPECT_NEAR(schedule_factor(config_of(ScheduleType::kCosine), 500, 110), 0.1, 1e-12);
}

}  // namespace
}  // namespace llm::optim
