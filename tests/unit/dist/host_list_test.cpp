// Oracle: examples of Slurm's documentation, and a list that is compressed by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/dist/launch.h"
#include "support/error_text.h"

namespace llm::dist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> hosts(const std::string& text) { return expand_host_list(text, "LIST"); }

TEST(HostList, Expands) {
  EXPECT_THAT(hosts("node1"), ElementsAre("node1"));
  EXPECT_THAT(hosts("node[01-03,7],gpu5"),
              ElementsAre("node01", "node02", "node03", "node7", "gpu5"));
  EXPECT_THAT(hosts("n[8-11]"), ElementsAre("n8", "n9", "n10", "n11"));
  EXPECT_THAT(hosts("n[098-101]"), ElementsAre("n098", "n099", "n100", "n101"));
  EXPECT_THAT(hosts("rack[1-2]node[3,5]-ib"),
              ElementsAre("rack1node3-ib", "rack1node5-ib", "rack2node3-ib", "rack2node5-ib"));
  EXPECT_THAT(hosts("a,b,a"), ElementsAre("a", "b", "a"));
}

TEST(HostList, RefusesWhatIsNone) {
  for (const char* text :
       {"", ",", "a,", "a[", "a[]", "a[1", "a[1-]", "a[-1]", "a[2-1]", "a]", "a[1]]", "a[1;2]",
        "a[0-99999999]", "a[0-9999][0-9999]", "a[9223372036854775807-9223372036854775808]"}) {
    EXPECT_THAT(test::error_text<core::ConfigError>([&] { hosts(text); }),
                HasSubstr("environment variable LIST: expected a list as Slurm writes it"))
        << text;
  }
}

TEST(TaskCounts, Expand) {
  EXPECT_THAT(expand_task_counts("4", "LIST"), ElementsAre(4));
  EXPECT_THAT(expand_task_counts("2(x3),1", "LIST"), ElementsAre(2, 2, 2, 1));
  EXPECT_THAT(expand_task_counts("1,16(x2)", "LIST"), ElementsAre(1, 16, 16));
}

TEST(TaskCounts, RefuseWhatIsNone) {
  for (const char* text :
       {"", "x", "2(x", "2(x3", "2)", "2(x0)", "2,", "2(x3)1", "-2", "2(x99999999)", "99999999"}) {
    EXPECT_THAT(test::error_text<core::ConfigError>([&] { expand_task_counts(text, "LIST"); }),
                HasSubstr("environment variable LIST"))
        << text;
  }
}

}  // namespace
}  // namespace llm::dist
