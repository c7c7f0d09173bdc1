#include "dist/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

namespace llm::dist {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr uint32_t kLargestMessage = 64 << 10;

[[noreturn]] void throw_error(const char* what, int error) {
  throw std::system_error(error, std::generic_category(), what);
}

using AddressList = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

AddressList resolve(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (status != 0) throw_error(address.c_str(), EADDRNOTAVAIL);
  return {list, ::freeaddrinfo};
}

Socket open_socket(const addrinfo& address) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) throw_error("a socket", errno);
  return socket;
}

void send_at_once(const Socket& socket) {
  const int on = 1;
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void wait_until(const Socket& socket, short events, EndTime deadline, const char* what) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{.fd = socket.fd(), .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw_error(what, errno);
    if (ready == 0) throw_error(what, ETIMEDOUT);
  }
}

std::string receive_bytes(const Socket& socket, size_t size, EndTime deadline) {
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size;) {
    wait_until(socket, POLLIN, deadline, "a message");
    const ssize_t count = ::recv(socket.fd(), bytes.data() + done, size - done, 0);
    if (count == 0) throw_error("a message", ECONNRESET);
    if (count < 0 && errno != EINTR) throw_error("a message", errno);
    if (count > 0) done += static_cast<size_t>(count);
  }
  return bytes;
}

uint32_t length_at(std::string_view bytes) {
  uint32_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  return length;
}

}  // namespace

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Socket listen_at(const std::string& numeric_address) {
  const AddressList list = resolve(numeric_address, 0);
  Socket socket = open_socket(*list);
  if (::bind(socket.fd(), list->ai_addr, list->ai_addrlen) != 0 ||
      ::listen(socket.fd(), SOMAXCONN) != 0) {
    throw_error(numeric_address.c_str(), errno);
  }
  return socket;
}

int port_of(const Socket& listener) {
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  if (::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&own), &length) != 0) {
    throw_error("a port", errno);
  }
  return ntohs(own.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&own)->sin6_port
                                         : reinterpret_cast<sockaddr_in*>(&own)->sin_port);
}

Socket connect_to(const HostPort& numeric_place, EndTime deadline) {
  const AddressList list = resolve(numeric_place.host, numeric_place.port);
  Socket socket = open_socket(*list);
  const std::string name = to_string(numeric_place);
  const int flags = ::fcntl(socket.fd(), F_GETFL);
  ::fcntl(socket.fd(), F_SETFL, flags | O_NONBLOCK);
  if (::connect(socket.fd(), list->ai_addr, list->ai_addrlen) != 0) {
    if (errno != EINPROGRESS) throw_error(name.c_str(), errno);
    wait_until(socket, POLLOUT, deadline, name.c_str());
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) throw_error(name.c_str(), error);
  }
  ::fcntl(socket.fd(), F_SETFL, flags);
  send_at_once(socket);
  return socket;
}

Socket accept_from(const Socket& listener, EndTime deadline) {
  wait_until(listener, POLLIN, deadline, "a connection");
  Socket socket(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket.is_open()) throw_error("a connection", errno);
  send_at_once(socket);
  return socket;
}

std::string with_length(const std::string& message) {
  const auto length = static_cast<uint32_t>(message.size());
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + message;
}

void send_message(const Socket& socket, const std::string& message) {
  const std::string bytes = with_length(message);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count =
        ::send(socket.fd(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) throw_error("a message", errno);
    if (count > 0) done += static_cast<size_t>(count);
  }
}

std::string receive_message(const Socket& socket, EndTime deadline) {
  const uint32_t length = length_at(receive_bytes(socket, kLengthBytes, deadline));
  if (length > kLargestMessage) throw_error("a message", EMSGSIZE);
  return receive_bytes(socket, length, deadline);
}

bool take_message(std::string& bytes, std::string& message) {
  if (bytes.size() < kLengthBytes) return false;
  const size_t end = kLengthBytes + length_at(bytes);
  if (bytes.size() < end) return false;
  message = bytes.substr(kLengthBytes, end - kLengthBytes);
  bytes.erase(0, end);
  return true;
}

}  // namespace llm::dist
