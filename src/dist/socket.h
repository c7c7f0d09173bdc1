// TCP sockets, as far as the ranks' own connections need them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "llm/dist/launch.h"

namespace llm::dist {

// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

using EndTime = std::chrono::steady_clock::time_point;

// Listens at a port of the system's choice. All throw: std::system_error.
Socket listen_at(const std::string& numeric_address);
int port_of(const Socket& listener);
Socket connect_to(const HostPort& numeric_place, EndTime deadline);
// Waits for a connection until the deadline.
Socket accept_from(const Socket& listener, EndTime deadline);

// Whole messages on a socket that blocks. A message is its length in 4 bytes (little endian) and
// its bytes. receive_message() throws for more than 64 KiB, too.
std::string with_length(const std::string& message);
void send_message(const Socket& socket, const std::string& message);
std::string receive_message(const Socket& socket, EndTime deadline);
// Cuts the first whole message off `bytes`; false when none is whole yet.
bool take_message(std::string& bytes, std::string& message);

}  // namespace llm::dist
