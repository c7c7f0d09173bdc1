// Oracle: hand-computed texts, at and beside every change of unit.
#include "llm/core/format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "llm/core/clock.h"

namespace llm::core {
namespace {

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(0), "0.00 s");
  EXPECT_EQ(format_duration(0.25), "0.25 s");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(59.94), "59.9 s");
  EXPECT_EQ(format_duration(59.96), "1m 00s");
  EXPECT_EQ(format_duration(72), "1m 12s");
  EXPECT_EQ(format_duration(3599.6), "1h 00m");
  EXPECT_EQ(format_duration(11100), "3h 05m");
  EXPECT_EQ(format_duration(187200), "2d 04h");
  EXPECT_EQ(format_duration(-72), "-1m 12s");
  EXPECT_EQ(format_duration(INFINITY), "unknown");
}

TEST(Format, Counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(950), "950");
  EXPECT_EQ(format_count(1000), "1.00 k");
  EXPECT_EQ(format_count(12'430), "12.4 k");
  EXPECT_EQ(format_count(999'600), "1.00 M");
  EXPECT_EQ(format_count(134'515'008), "135 M");
  EXPECT_EQ(format_count(1.5e9), "1.50 B");
  EXPECT_EQ(format_count(3.2e12), "3.20 T");
  EXPECT_EQ(format_count(5e16), "50000 T");
}

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(3435973837), "3.2 GiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(Stopwatch, GoesForwardAndRestarts) {
  Stopwatch watch;
  const double first = watch.seconds();
  EXPECT_GE(first, 0);
  EXPECT_GE(watch.restart(), first);
  EXPECT_GE(watch.seconds(), 0);
}

}  // namespace
}  // namespace llm::core
