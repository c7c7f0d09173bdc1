// Oracle: what Python's re.fullmatch says of the same pattern and name.
#include "llm/text/full_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"

namespace llm::text {
namespace {

TEST(FullMatchTest, MatchesTheWholeNameOrNothing) {
  const FullMatch match(R"(model\.layers\.\d+\.(q|v)_proj)", "test");
  EXPECT_TRUE(match("model.layers.12.v_proj"));
  EXPECT_FALSE(match("model.layers.12.k_proj"));
  EXPECT_FALSE(match("model.layers.12.v_proj.x"));
  EXPECT_FALSE(match("xmodel.layers.12.v_proj"));
  EXPECT_TRUE(FullMatch("a|ab", "test")("ab"));
  EXPECT_TRUE(FullMatch("a$", "test")("a"));
  EXPECT_TRUE(FullMatch("", "test")(""));
  EXPECT_TRUE(FullMatch(R"((?P<name>\w+)\.(?=b)\D*)", "test")("한글.b"));
}

TEST(FullMatchTest, SaysWhatIsWrong) {
  EXPECT_THAT(test::error_text<core::FormatError>([] { FullMatch("a(b", "there"); }),
              testing::HasSubstr("there: expected a regular expression, got 'a(b'"));
  const FullMatch endless("(a|aa)+b", "there");
  EXPECT_THAT(test::error_text<core::FormatError>(
                  [&] { static_cast<void>(endless(std::string(60, 'a') + "cb")); }),
              testing::HasSubstr("soon matched"));
}

}  // namespace
}  // namespace llm::text
