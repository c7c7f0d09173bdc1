#include "support/paths.h"

namespace llm::test {

std::filesystem::path source_dir() { return LLM_SOURCE_DIR; }
std::filesystem::path shared_dir() { return source_dir() / "../shared"; }
std::filesystem::path program_dir() { return LLM_PROGRAM_DIR; }

}  // namespace llm::test
