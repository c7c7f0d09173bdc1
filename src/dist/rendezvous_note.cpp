#include "dist/rendezvous_note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

#include "llm/core/error.h"

namespace llm::dist {
namespace {

namespace fs = std::filesystem;

// What starts the ranks of a host for launchers that give their job no name (Hydra, MVAPICH2), as
// /proc/PID/stat has it: 15 characters at most.
constexpr std::array<std::string_view, 2> kStarters = {"hydra_pmi_proxy", "mpispawn"};

struct Process {
  std::string name;
  int64_t parent = 0;
  std::string start;  // in clock ticks since the machine started: tells it from a later one
};

// /proc/PID/stat: "PID (NAME) STATE PARENT ..." with the start time as field 22.
std::optional<Process> process(int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return {};
  const size_t open = line.find('('), close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return {};
  Process found{.name = line.substr(open + 1, close - open - 1)};
  std::istringstream rest(line.substr(close + 1));
  std::string state, skipped;
  rest >> state >> found.parent;
  for (int field = 5; field < 22; ++field) rest >> skipped;
  rest >> found.start;
  return rest && state != "Z" ? std::optional(found) : std::nullopt;
}

// The nearest ancestor of those, else the parent: ranks may be started through a shell.
int64_t starter_process() {
  for (int64_t pid = ::getppid(); pid > 1;) {
    const auto ancestor = process(pid);
    if (!ancestor) break;
    if (std::find(kStarters.begin(), kStarters.end(), ancestor->name) != kStarters.end()) {
      return pid;
    }
    pid = ancestor->parent;
  }
  return ::getppid();
}

std::string read_private_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return {};
  struct stat status {};
  std::string text(4096, '\0');
  const bool is_ours = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                       status.st_uid == ::geteuid() && (status.st_mode & 077) == 0;
  const ssize_t size = is_ours ? ::read(fd, text.data(), text.size()) : 0;
  ::close(fd);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return text;
}

// The port of a note of this job whose writer is alive.
std::optional<int> usable_port(const fs::path& path, const std::string& job_key) {
  std::istringstream note(read_private_file(path));
  int port = 0;
  int64_t pid = 0;
  std::string start, job;
  if (!(note >> port >> pid >> start) || !std::getline(note >> std::ws, job)) return {};
  const auto writer = process(pid);
  const bool is_usable = job == job_key && writer && writer->start == start;
  return is_usable && port > 0 && port < 65536 ? std::optional(port) : std::nullopt;
}

core::DistError cannot_write(const fs::path& path, int error) {
  return core::DistError({path.string(), "to leave a note for the other ranks of this host",
                          std::strerror(error),
                          "Set TMPDIR to a folder of this host that can be written to, or name a "
                          "place with --rendezvous HOST:PORT"});
}

}  // namespace

std::string job_key(const LaunchEnvironment& launch) {
  const std::string job =
      launch.job.empty() ? fmt::format("process-{}", starter_process()) : launch.job;
  return fmt::format("{}.{}", job, launch.restart);
}

fs::path note_path(const fs::path& directory, const std::string& job_key) {
  std::string name = job_key;
  for (char& letter : name) {
    if (!std::isalnum(static_cast<unsigned char>(letter)) && letter != '.') letter = '-';
  }
  return directory / fmt::format("llmtrain-{}-{}.rank0", ::geteuid(), name.substr(0, 128));
}

RendezvousNote::RendezvousNote(fs::path path, int port, const std::string& job_key)
    : path_(std::move(path)) {
  const std::string temporary = fmt::format("{}.{}", path_.string(), ::getpid());
  const auto self = process(::getpid());
  const std::string text =
      fmt::format("{} {} {} {}\n", port, ::getpid(), self ? self->start : "0", job_key);
  ::unlink(temporary.c_str());
  const int fd =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) throw cannot_write(path_, errno);
  const ssize_t written = ::write(fd, text.data(), text.size());
  int error = written == static_cast<ssize_t>(text.size()) ? 0 : written < 0 ? errno : ENOSPC;
  ::close(fd);
  if (error == 0 && ::rename(temporary.c_str(), path_.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(temporary.c_str());
  throw cannot_write(path_, error);
}

RendezvousNote::~RendezvousNote() { ::unlink(path_.c_str()); }

int read_note(const fs::path& path, const std::string& job_key, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (const auto port = usable_port(path, job_key)) return *port;
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw core::DistError({"rendezvous of " + job_key,
                         fmt::format("rank 0 on this host within {} s",
                                     std::chrono::duration<double>(timeout).count()),
                         "no note of it at " + path.string(),
                         "Look at rank 0's messages; if it runs on another host or sees another "
                         "temporary directory, name a place with --rendezvous HOST:PORT"});
}

}  // namespace llm::dist
