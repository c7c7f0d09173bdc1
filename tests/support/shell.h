// Runs a line of shell with the programs on its path.
#pragma once

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "llm/io/json.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::test {

struct Outcome {
  int exit_code = 0;  // 128 + the signal that ended it
  std::string out, err;
  io::Json json() const { return io::parse_json(out, "stdout"); }
};

// In `directory`, where out.txt and err.txt stay behind.
inline Outcome run_shell(const std::filesystem::path& directory, const std::string& line) {
  const std::string shell = fmt::format("cd '{}' && PATH='{}':$PATH; ({}) >out.txt 2>err.txt",
                                        directory.string(), program_dir().string(), line);
  const int status = std::system(shell.c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = read_bytes(directory / "out.txt"),
          .err = read_bytes(directory / "err.txt")};
}

}  // namespace llm::test
