// Oracle: a damaged file gives a typed exception or a value that can be read whole (fuzz targets).
#include <gtest/gtest.h>

#include <string>

#include "../fuzz/io_targets.h"
#include "support/compress.h"
#include "support/mutate.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

constexpr int kMutants = 2000;

struct Counts {
  int accepted = 0;
  int refused = 0;
};

Counts run_mutants(const std::string& seed_file, bool (*target)(std::string_view)) {
  EXPECT_TRUE(target(seed_file)) << "the undamaged file is refused";
  core::PhiloxStream random(20, seed_file.size());
  Counts counts;
  for (int i = 0; i < kMutants; ++i) {
    const std::string mutant = test::mutated(seed_file, random);
    try {
      ++(target(mutant) ? counts.accepted : counts.refused);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "mutant " << i << ": " << error.what();
    }
  }
  return counts;
}

std::string golden(const char* name) {
  return test::read_bytes(test::source_dir() / "tests/golden/io" / name);
}

TEST(DamagedFiles, Safetensors) {
  EXPECT_GT(run_mutants(golden("mixed.safetensors"), fuzz::safetensors).refused, kMutants / 2);
}

TEST(DamagedFiles, TokenShards) {
  EXPECT_GT(run_mutants(golden("u16_masked.tokens"), fuzz::token_shard).refused, kMutants / 2);
  EXPECT_GT(run_mutants(golden("u32.tokens"), fuzz::token_shard).refused, kMutants / 2);
}

TEST(DamagedFiles, Configs) {
  const std::string text = R"(// a run
{
  "extends": "base.json", /* here */
  "optim": {"lr": 3e-4, "betas": [0.9, 0.95,], "on": true, "off": null},
  "name": "\u00e9\ud83d\ude00\n", "한": [[], {}, -1, 0.5],
}
)";
  const Counts counts = run_mutants(text, fuzz::config_json);
  EXPECT_GT(counts.refused, kMutants / 4);
  EXPECT_GT(counts.accepted, kMutants / 20);  // the damage is small enough to get deep
}

TEST(DamagedFiles, CompressedLines) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "line " + std::to_string(i * i) + "\r\n";
  EXPECT_GT(run_mutants(test::gzip(text) + test::gzip("more\n"), fuzz::lines).refused,
            kMutants / 2);
  EXPECT_GT(run_mutants(test::zstd(text) + test::zstd("more\n"), fuzz::lines).refused,
            kMutants / 2);
}

}  // namespace
}  // namespace llm::io
