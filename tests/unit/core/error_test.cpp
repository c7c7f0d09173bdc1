// Oracle: the message format stated in llm/core/error.h, and what a failed check must name.
#include "llm/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "support/error_text.h"

namespace llm::core {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Error, MessageHasAllFourParts) {
  EXPECT_EQ(format_error({"run.json:3:7: lr", "a number", "\"x\"", "Remove the quotes"}),
            "run.json:3:7: lr: expected a number, got \"x\". Remove the quotes");
}

TEST(Error, MessageLeavesOutWhatIsEmpty) {
  EXPECT_EQ(format_error({"a.json", "", "cannot be opened", ""}), "a.json: cannot be opened");
  EXPECT_EQ(format_error({"a.json", "an object", "", ""}), "a.json: expected an object");
}

TEST(Error, KeepsItsParts) {
  const IoError error({"path", "", "no space", "free some"}, 28);
  EXPECT_EQ(error.info().hint, "free some");
  EXPECT_EQ(error.error_number(), 28);
}

TEST(Check, FailureNamesPlaceConditionAndMessage) {
  const auto text = test::error_text<ContractViolation>([] { LLM_CHECK(1 > 2, "size {}", 7); });
  EXPECT_THAT(text, AllOf(HasSubstr("error_test.cpp:"), HasSubstr("1 > 2"), HasSubstr("size 7")));
}

TEST(Check, SuccessEvaluatesTheConditionOnceAndNoArguments) {
  int conditions = 0, arguments = 0;
  LLM_CHECK(++conditions > 0, "{}", ++arguments);
  EXPECT_EQ(conditions, 1);
  EXPECT_EQ(arguments, 0);
}

}  // namespace
}  // namespace llm::core
