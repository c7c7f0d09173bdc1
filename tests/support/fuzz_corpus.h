// The inputs that scripts/fuzz.sh keeps for a target.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "llm/io/file.h"
#include "support/paths.h"

namespace llm::test {

// Gives each kept input of a target to `run`; what it throws names the file.
template <class Run>
void replay_fuzz_corpus(const std::string& target, Run&& run) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_dir() / "fuzz/corpus" / target)) {
    EXPECT_NO_THROW(run(io::read_file(entry.path()))) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 5) << target;
}

}  // namespace llm::test
