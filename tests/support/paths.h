// Where tests find what they read and run. Compiled once: a path in the command line of every test
// would keep ccache from seeing that another checkout's tests are the same.
#pragma once

#include <filesystem>

namespace llm::test {

// The source tree.
std::filesystem::path source_dir();
// Data beside the project, which may be absent: a test then says that it is skipped.
std::filesystem::path shared_dir();
// What scripts/setup.sh and scripts/get_model.sh fetched: LLMTRAIN_DEPS, or ~/.cache/llmtrain.
std::filesystem::path deps_dir();
// The built programs.
std::filesystem::path program_dir();

}  // namespace llm::test
