#include "support/paths.h"

#include <cstdlib>

namespace llm::test {

std::filesystem::path source_dir() { return LLM_SOURCE_DIR; }
std::filesystem::path shared_dir() { return source_dir() / "../shared"; }
std::filesystem::path deps_dir() {
  if (const char* deps = std::getenv("LLMTRAIN_DEPS"); deps && *deps) return deps;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home ? home : "") / ".cache/llmtrain";
}
std::filesystem::path program_dir() { return LLM_PROGRAM_DIR; }

}  // namespace llm::test
