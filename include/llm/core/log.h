// The one logger of the program: lines on stderr, with the rank in front when there are several.
// Thread-safe. The library logs facts a person may want; it never prints results (those are return
// values) and never reads from stdin.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace llm::core {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  int rank = 0;
  int world_size = 1;  // ranks other than 0 log errors only: what they warn of, rank 0 does, too
};

// Requires: called once at program start, before other threads log. Without it the defaults hold.
void configure_log(const LogConfig& config);
// A log file that would grow beyond `max_bytes` becomes NAME.1.EXT before the next line, that one
// NAME.2.EXT, ..., and what is beyond NAME.keep_files.EXT goes. No line is cut in two or lost.
struct LogRotation {
  uint64_t max_bytes = 0;  // 0: the file grows without limit
  int64_t keep_files = 4;  // beside the one that is written; Requires: at most 100000
};
// Also appends every line from info on to `path` (the run directory's log.txt) until called again,
// whatever the terminal shows, beginning with the lines logged since the last file was closed (the
// newest 256); empty: no file. Throws: IoError when the file cannot be opened.
void set_log_file(const std::string& path, const LogRotation& rotation = {});
// To the log file alone, when there is one: for what a person sees in another form.
void log_to_file(LogLevel level, const std::string& message);

void log_message(LogLevel level, const std::string& message);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace llm::core
