#include "train/heartbeat_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "llm/io/file.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

// heartbeat.json.NONCE.partial with the heartbeat in it, removed at the end.
class UnfinishedHeartbeat {
 public:
  UnfinishedHeartbeat(const fs::path& directory, const Heartbeat& heartbeat)
      : target_(directory / kHeartbeatName),
        path_(directory / fmt::format("{}.{}.partial", kHeartbeatName, heartbeat.nonce)) {
    const std::string text = io::dump_json(heartbeat_json(heartbeat), 2) + "\n";
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) io::throw_os_error(target_, "cannot be created", errno);
    const ssize_t count = ::write(fd, text.data(), text.size());
    const int error = count < 0 ? errno : ENOSPC;
    ::close(fd);
    if (count == static_cast<ssize_t>(text.size())) return;
    ::unlink(path_.c_str());
    io::throw_os_error(target_, "cannot be written", error);
  }
  ~UnfinishedHeartbeat() { ::unlink(path_.c_str()); }
  UnfinishedHeartbeat(const UnfinishedHeartbeat&) = delete;
  UnfinishedHeartbeat& operator=(const UnfinishedHeartbeat&) = delete;

  void put_in_place() const {
    if (::rename(path_.c_str(), target_.c_str()) != 0)
      io::throw_os_error(target_, "cannot be put in place", errno);
  }
  // False: there is one already. File systems without hard links have no such guarantee.
  bool put_where_none_is() const {
    if (::link(path_.c_str(), target_.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    put_in_place();
    return true;
  }

 private:
  fs::path target_, path_;
};

}  // namespace

void write_heartbeat(const fs::path& run_directory, const Heartbeat& heartbeat) {
  UnfinishedHeartbeat(run_directory, heartbeat).put_in_place();
}

std::optional<FoundHeartbeat> write_first_heartbeat(const fs::path& run_directory,
                                                    const Heartbeat& heartbeat) {
  if (UnfinishedHeartbeat(run_directory, heartbeat).put_where_none_is()) return std::nullopt;
  return find_heartbeat(run_directory);
}

void remove_unfinished_heartbeats(const fs::path& run_directory) noexcept {
  std::error_code unused;
  const std::string prefix = std::string(kHeartbeatName) + ".";
  for (const auto& entry : fs::directory_iterator(run_directory, unused)) {
    if (entry.path().filename().string().starts_with(prefix)) fs::remove(entry.path(), unused);
  }
}

}  // namespace llm::train
