// Oracle: the counts in configs/models/README.md, which are transformers' for the same files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "llm/arch/parameters.h"
#include "support/paths.h"

namespace llm::arch {
namespace {

const std::filesystem::path kFolder = test::source_dir() / "configs/models";

// file name -> parameters, from the rows "| NAME.json | 1,234 | ... |".
std::map<std::string, int64_t> documented_counts() {
  std::map<std::string, int64_t> counts;
  const std::regex row(R"(^\| (\S+\.json) \| ([0-9,]+) \|.*)");
  std::ifstream in(kFolder / "README.md");
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, match, row)) continue;
    std::string digits = match[2];
    std::erase(digits, ',');
    counts[match[1]] = std::stoll(digits);
  }
  return counts;
}

TEST(ModelFiles, EveryFileIsValidAndHasTheDocumentedCount) {
  std::map<std::string, int64_t> documented = documented_counts();
  ASSERT_GE(documented.size(), 16U);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().filename().string();
    const ModelConfig config = read_model_config(entry.path(), {.strict = true});
    ASSERT_TRUE(documented.contains(name)) << name << " is missing in README.md";
    EXPECT_EQ(num_parameters(config), documented[name]) << name;
    EXPECT_EQ(parse_model_config(to_json(config), name), config) << name;
    documented.erase(name);
  }
  EXPECT_TRUE(documented.empty()) << documented.begin()->first << " is in README.md alone";
}

// The sizes that quantised export and tiled kernels want (docs/formats.md).
TEST(ModelFiles, OurOwnShapesAreMultiplesThatExportWants) {
  for (const char* name : {"llama-1m", "llama-5m", "llama-15m", "llama-60m"}) {
    const ModelConfig config = read_model_config(kFolder / (std::string(name) + ".json"));
    EXPECT_EQ(config.vocab_size % 64, 0) << name;
    EXPECT_EQ(config.hidden_size % 128, 0) << name;
    EXPECT_EQ(config.intermediate_size % 128, 0) << name;
  }
}

}  // namespace
}  // namespace llm::arch
