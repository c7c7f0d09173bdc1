#include "common/output.h"

#include <cerrno>
#include <cstdio>

#include "llm/io/file.h"

namespace llm::apps {
namespace {

[[noreturn]] void fail_output(int error_number) {
  io::throw_os_error("standard output", "cannot be written",
                     error_number != 0 ? error_number : EIO);
}

}  // namespace

void write_output(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_output(errno);
}

void flush_output() {
  errno = 0;
  // std::cout writes through stdout (sync_with_stdio), so its losses show here too.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) fail_output(errno);
}

}  // namespace llm::apps
