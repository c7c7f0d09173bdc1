#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "dist/packed_strings.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/dist/start_up.h"

namespace llm::dist {
namespace {

namespace fs = std::filesystem;

std::string random_text() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}", device(), device(), device());
}

// Rank 0's file, removed at the end of the check however it ends.
class NonceFile {
 public:
  explicit NonceFile(fs::path path) : path_(std::move(path)) {}
  ~NonceFile() { ::unlink(path_.c_str()); }
  NonceFile(const NonceFile&) = delete;
  NonceFile& operator=(const NonceFile&) = delete;

  // What went wrong, or nothing.
  std::string write(const std::string& nonce) const {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return std::strerror(errno);
    const ssize_t written = ::write(fd, nonce.data(), nonce.size());
    int error = written == static_cast<ssize_t>(nonce.size()) ? 0 : written < 0 ? errno : ENOSPC;
    if (::fsync(fd) != 0 && error == 0) error = errno;
    if (::close(fd) != 0 && error == 0) error = errno;
    return error == 0 ? "" : std::strerror(error);
  }

 private:
  fs::path path_;
};

// Listing a folder makes a network file system ask its server instead of its memory.
void refresh(const fs::path& directory) {
  DIR* listing = ::opendir(directory.c_str());
  if (!listing) return;
  while (::readdir(listing)) {
  }
  ::closedir(listing);
}

bool sees(const fs::path& path, const std::string& nonce, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    refresh(path.parent_path());
    std::ifstream file(path);
    std::string found;
    if (std::getline(file, found) && found == nonce) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

void require_shared_folder(ProcessGroup& group, const fs::path& directory,
                           std::chrono::milliseconds patience) {
  const std::string label = "the check for a shared folder";
  // Message of rank 0: the nonce, and what kept it from writing.
  std::vector<std::string> message{random_text(), ""};
  const NonceFile file(group.rank() == 0 ? directory / (".llmtrain-" + message[0]) : fs::path());
  if (group.rank() == 0) message[1] = file.write(message[0]);
  message = unpack_strings(group.all_gather_bytes(pack_strings(message), label).front());
  if (!message[1].empty()) {
    throw core::DistError({directory.string(), "a folder that rank 0 can write to", message[1],
                           "Choose another run directory or check its permissions"});
  }
  const bool is_seen = sees(directory / (".llmtrain-" + message[0]), message[0], patience);
  const std::vector<std::string> answers =
      group.all_gather_bytes(pack_strings({host_name(), is_seen ? "yes" : "no"}), label);
  std::vector<std::string> blind;
  std::string host_of_rank0;
  for (size_t rank = 0; rank < answers.size(); ++rank) {
    const std::vector<std::string> fields = unpack_strings(answers[rank]);
    if (rank == 0) host_of_rank0 = fields[0];
    if (fields[1] == "no") blind.push_back(fmt::format("rank {} ({})", rank, fields[0]));
  }
  if (blind.empty()) return;
  throw core::DistError({directory.string(), "a folder that all hosts share",
                         fmt::format("a file that rank 0 ({}) wrote is not seen by {}",
                                     host_of_rank0, fmt::join(blind, ", ")),
                         "Put the run directory on a file system that is mounted on every host "
                         "under the same path"});
}

}  // namespace llm::dist
