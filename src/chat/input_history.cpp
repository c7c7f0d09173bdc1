#include "llm/chat/input_history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "llm/core/log.h"
#include "llm/io/json.h"

namespace llm::chat {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestEntry = size_t{1} << 16;
constexpr mode_t kOwnerOnly = 0600;

// Nothing for a line that is no entry.
bool parse_entry(const std::string& line, std::string& entry) {
  const auto json = io::Json::parse(line, nullptr, false);
  if (!json.is_string()) return false;
  entry = json.get<std::string>();
  return !entry.empty();
}

std::string line_of(const std::string& entry) {
  return io::Json(entry).dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n";
}

bool write_to(const fs::path& file, int flags, std::string_view text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, kOwnerOnly);
  if (fd < 0) return false;
  // One write: lines of several programs do not mix.
  const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return written == std::ssize(text);
}

void cut(const fs::path& file, const std::vector<std::string>& entries) {
  std::string text;
  for (const std::string& entry : entries) text += line_of(entry);
  const fs::path beside = fmt::format("{}.{}", file.string(), ::getpid());
  std::error_code error;
  if (write_to(beside, O_EXCL, text)) fs::rename(beside, file, error);
  fs::remove(beside, error);
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

fs::path default_history_file() {
  if (const char* chosen = std::getenv("LLMTRAIN_HISTORY")) return chosen;
  const fs::path state = variable("XDG_STATE_HOME"), home = variable("HOME");
  if (state.is_absolute()) return state / "llmtrain/chat_history";
  return home.empty() ? fs::path() : home / ".local/state/llmtrain/chat_history";
}

std::vector<std::string> InputHistory::load() const {
  if (file_.empty()) return {};
  std::ifstream in(file_, std::ios::binary);
  std::vector<std::string> entries;
  size_t num_lines = 0;
  std::string entry;
  for (std::string line; std::getline(in, line); ++num_lines)
    if (parse_entry(line, entry)) entries.push_back(entry);
  if (entries.size() > kHistoryEntries)
    entries.erase(entries.begin(), entries.end() - static_cast<int64_t>(kHistoryEntries));
  if (num_lines >= 2 * kHistoryEntries) cut(file_, entries);
  return entries;
}

void InputHistory::append(const std::string& entry) const {
  if (file_.empty() || entry.size() > kLongestEntry) return;
  std::error_code error;
  fs::create_directories(file_.parent_path(), error);
  if (!write_to(file_, O_APPEND, line_of(entry)))
    core::log_debug("{}: what you type cannot be kept", file_.string());
}

}  // namespace llm::chat
