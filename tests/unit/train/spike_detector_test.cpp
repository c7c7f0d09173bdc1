// Oracle: mean and standard deviation worked out by hand.
#include "train/spike_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace llm::train {
namespace {

SpikeSection five_losses(SpikeAction action = SpikeAction::kSkip) {
  return {.action = action, .threshold = 3, .window = 5};
}

// Mean 3, deviation sqrt(2): the limit is 3 + 3 sqrt(2) = 7.2426.
const std::vector<double> kLosses = {1, 2, 3, 4, 5};

TEST(SpikeDetector, ComparesWithTheWindow) {
  EXPECT_FALSE(find_spike(five_losses(), kLosses, 7.24, 1));
  const auto spike = find_spike(five_losses(), kLosses, 7.25, 1);
  ASSERT_TRUE(spike);
  EXPECT_EQ(*spike, "loss 7.25 above 7.243, the mean 3 of 5 steps and 3 deviations");
}

TEST(SpikeDetector, ASteadyLossMayWanderByThreePercent) {
  const std::vector<double> steady(5, 2.0);
  EXPECT_FALSE(find_spike(five_losses(), steady, 2.059, 1));
  EXPECT_TRUE(find_spike(five_losses(), steady, 2.061, 1));
}

TEST(SpikeDetector, SaysNothingBeforeTheWindowIsFull) {
  EXPECT_FALSE(find_spike(five_losses(), {1, 1, 1, 1}, 1000, 1));
}

TEST(SpikeDetector, WhatIsNoNumberIsASpikeAtAnyTimeAndWhateverIsDone) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto action : {SpikeAction::kNone, SpikeAction::kRollback}) {
    EXPECT_TRUE(find_spike(five_losses(action), {}, std::nan(""), 1));
    EXPECT_TRUE(find_spike(five_losses(action), {}, 1, infinity));
  }
  EXPECT_FALSE(find_spike(five_losses(SpikeAction::kNone), kLosses, 1000, 1));
}

TEST(SpikeDetector, RemembersAsManyLossesAsTheWindowHas) {
  std::vector<double> losses;
  for (int i = 0; i < 12; ++i) remember_loss(five_losses(), i, losses);
  EXPECT_EQ(losses, (std::vector<double>{7, 8, 9, 10, 11}));
  remember_loss(five_losses(SpikeAction::kNone), 12, losses);
  EXPECT_EQ(losses.size(), 5u);
}

}  // namespace
}  // namespace llm::train
