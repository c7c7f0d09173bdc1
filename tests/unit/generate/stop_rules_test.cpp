// Oracle: a scan of the whole text, character by character, for the first place where a stop string
// is complete; and every way to cut a text into pieces must give the same result.
#include "llm/generate/stop_rules.h"

#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/core/rng.h"

namespace llm::generate {
namespace {

struct Outcome {
  std::string text;
  bool matched = false;
  bool operator==(const Outcome&) const = default;
};

Outcome naive(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const auto& s : stops) {
      if (std::string_view(text).substr(0, end).ends_with(s)) longest = std::max(longest, s.size());
    }
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

Outcome run(const std::vector<std::string>& pieces, const std::vector<std::string>& stops) {
  StopStringMatcher matcher(stops);
  std::string out;
  for (const auto& piece : pieces) out += matcher.push(piece);
  out += matcher.finish();
  return {out, matcher.matched()};
}

TEST(StopStringMatcher, EveryWayToCutAStopStringIsSeen) {
  const std::string text = "ab<END>cd";
  const size_t gaps = text.size() - 1;
  for (unsigned mask = 0; mask < (1U << gaps); ++mask) {
    std::vector<std::string> pieces(1);
    for (size_t i = 0; i < text.size(); ++i) {
      pieces.back() += text[i];
      if (i < gaps && ((mask >> i) & 1U)) pieces.emplace_back();
    }
    EXPECT_EQ(run(pieces, {"<END>"}), (Outcome{"ab", true})) << mask;
  }
}

TEST(StopStringMatcher, RandomTextsAndCutsEqualTheScan) {
  core::PhiloxStream random(5);
  auto random_text = [&](uint64_t longest) {
    std::string text;
    for (uint64_t n = 1 + random.next_below(longest); n > 0; --n) {
      text += static_cast<char>('a' + random.next_below(3));
    }
    return text;
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stops;
    for (uint64_t n = random.next_below(4); n > 0; --n) stops.push_back(random_text(5));
    std::vector<std::string> pieces;
    std::string text;
    for (uint64_t n = random.next_below(12); n > 0; --n) {
      pieces.push_back(random_text(4));
      text += pieces.back();
    }
    EXPECT_EQ(run(pieces, stops), naive(text, stops)) << text;
  }
}

TEST(StopStringMatcher, HoldsBackNoMoreThanNeeded) {
  StopStringMatcher matcher({"User:"});
  EXPECT_EQ(matcher.push("Hello"), "Hello");
  EXPECT_EQ(matcher.push(" Us"), " ");
  EXPECT_EQ(matcher.push("ual"), "Usual");
  EXPECT_EQ(matcher.push("U"), "");
  EXPECT_EQ(matcher.finish(), "U");
}

TEST(StopStringMatcher, WithoutStringsNothingIsHeldBack) {
  StopStringMatcher matcher({});
  EXPECT_EQ(matcher.push("text"), "text");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopStringMatcher, RefusesAnEmptyString) {
  EXPECT_THROW(StopStringMatcher({"a", ""}), core::ConfigError);
}

}  // namespace
}  // namespace llm::generate
