// Oracle: a damaged GGUF file gives a typed exception or one that can be read whole (fuzz targets).
#include <gtest/gtest.h>

#include <string>

#include "../fuzz/gguf_target.h"
#include "support/mutate.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

void run_gguf_mutants(const std::string& name, int mutants, size_t header) {
  const std::string whole = test::read_bytes(test::source_dir() / "tests/golden/gguf" / name);
  EXPECT_TRUE(fuzz::gguf(whole));
  core::PhiloxStream random(21, whole.size());
  int accepted = 0;
  for (int i = 0; i < mutants; ++i) {
    // Damage in the header; the data have nothing to say about themselves.
    const std::string mutant =
        test::mutated(whole.substr(0, header), random) + whole.substr(header);
    try {
      accepted += fuzz::gguf(mutant) ? 1 : 0;
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << " mutant " << i << ": " << error.what();
    }
  }
  EXPECT_LT(accepted, mutants * 3 / 4) << name;
  EXPECT_GT(accepted, mutants / 50) << name;  // the damage is small enough to get deep
}

TEST(DamagedGguf, EveryKindOfValue) { run_gguf_mutants("mixed.gguf", 4000, 1472); }
TEST(DamagedGguf, AShard) { run_gguf_mutants("model-00001-of-00003.gguf", 2000, 320); }
TEST(DamagedGguf, EveryKindOfBlock) { run_gguf_mutants("blocks.gguf", 200, 2400); }

}  // namespace
}  // namespace llm::io
