// What a person typed, kept from run to run: a file with one JSON text per line, readable by its
// owner alone. It is a convenience: whatever goes wrong with it, the program goes on without.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace llm::chat {

inline constexpr size_t kHistoryEntries = 1000;

// $LLMTRAIN_HISTORY where it is set ("" there means none), else llmtrain/chat_history in
// $XDG_STATE_HOME or ~/.local/state; "" for none.
std::filesystem::path default_history_file();

// Programs may share a file: each appends whole lines. Not thread-safe.
class InputHistory {
 public:
  // "": nothing is kept.
  explicit InputHistory(std::filesystem::path file) : file_(std::move(file)) {}

  // The newest kHistoryEntries, oldest first. A file that has grown to twice as many is cut.
  std::vector<std::string> load() const;
  // Texts above 64 KiB are left out.
  void append(const std::string& entry) const;

 private:
  std::filesystem::path file_;
};

}  // namespace llm::chat
