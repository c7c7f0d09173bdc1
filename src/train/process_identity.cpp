#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/train/heartbeat.h"

namespace llm::train {

namespace {

std::string host_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "unknown";
  return host.data();
}

// "" where the system does not say.
std::string first_line_of(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path) >> std::ws, line);
  return line;
}

struct ProcessStat {
  char state = '?';  // 'Z': it has ended, and nobody has asked how
  int64_t start_ticks = 0;
};

// proc(5): fields 3 and 22; the name before them may hold anything, even parentheses.
std::optional<ProcessStat> stat_of(int64_t pid) {
  const std::string line = first_line_of(fmt::format("/proc/{}/stat", pid));
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  ProcessStat stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> stat.start_ticks;
  return fields ? std::optional(stat) : std::nullopt;
}

}  // namespace

bool ProcessIdentity::is_beside(const ProcessIdentity& other) const {
  return !boot_id.empty() && host == other.host && boot_id == other.boot_id &&
         pid_namespace == other.pid_namespace;
}

std::string process_name(const ProcessIdentity& process) {
  return fmt::format("process {} on {}", process.pid, process.host);
}

ProcessIdentity this_process() {
  std::error_code unknown;
  const auto pid_namespace = std::filesystem::read_symlink("/proc/self/ns/pid", unknown);
  const auto stat = stat_of(::getpid());
  return {.host = host_name(),
          .boot_id = first_line_of("/proc/sys/kernel/random/boot_id"),
          .pid_namespace = pid_namespace.string(),
          .pid = ::getpid(),
          .start_ticks = stat ? stat->start_ticks : 0};
}

bool is_alive(const ProcessIdentity& process) {
  const auto stat = stat_of(process.pid);
  if (stat) return stat->state != 'Z' && stat->start_ticks == process.start_ticks;
  // Without /proc, whether there is one of that number at all.
  return ::kill(static_cast<pid_t>(process.pid), 0) == 0 || errno == EPERM;
}

std::vector<std::string> own_command() {
  std::vector<std::string> command;
  try {
    std::istringstream arguments(io::read_file("/proc/self/cmdline"));
    for (std::string argument; std::getline(arguments, argument, '\0');) {
      const size_t secret = argument.find("log.webhook=");
      if (secret != std::string::npos) argument.resize(secret + 12);
      command.push_back(argument);
    }
  } catch (const core::IoError&) {
  }
  return command;
}

}  // namespace llm::train
