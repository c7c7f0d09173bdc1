// Line files that grow while a run goes on, such as metrics.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "llm/io/json.h"

namespace llm::io {

// Appends lines; each one reaches the operating system before write() returns, in one piece. Not
// thread-safe.
class JsonlWriter {
 public:
  // Goes on behind what the file holds. An unfinished last line, left by a process that was killed
  // while writing, is removed. Throws: IoError.
  explicit JsonlWriter(const std::filesystem::path& path);
  ~JsonlWriter();

  // Non-finite numbers become null, as JSON has no word for them. Throws: IoError.
  void write(const OrderedJson& value);
  // Requires: no '\n' in the line.
  void write_line(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Cuts a line file back: keeps the lines before the first one for which `is_after` holds, and drops
// that line, all that follow it, and an unfinished last line. The file is replaced atomically, or
// left alone when nothing is to be dropped or it does not exist. Returns how many lines (finished
// or not) were dropped. Not while a JsonlWriter has the file open. Throws: IoError, and whatever
// `is_after` throws, with the file as it was.
uint64_t truncate_lines_after(const std::filesystem::path& path,
                              const std::function<bool(std::string_view line)>& is_after);

}  // namespace llm::io
