#include "dist/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "llm/core/error.h"

namespace llm::dist {
namespace {

// The own side of a datagram socket that was connected to `to`.
std::optional<std::string> own_side(const addrinfo& to) {
  const int fd = ::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {};
  std::optional<std::string> found;
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  std::array<char, NI_MAXHOST> text{};
  if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
    found = text.data();
  }
  ::close(fd);
  return found;
}

}  // namespace

std::optional<std::string> own_address_towards(const HostPort& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &list) != 0) {
    return {};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  for (const addrinfo* one = list; one; one = one->ai_next) {
    if (auto found = own_side(*one)) return found;
  }
  return {};
}

std::optional<std::string> address_of_device(const std::string& name) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* one = list; one; one = one->ifa_next) {
      if (one->ifa_name != name || !one->ifa_addr || one->ifa_addr->sa_family != family) continue;
      const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      std::array<char, NI_MAXHOST> text{};
      if (::getnameinfo(one->ifa_addr, length, text.data(), text.size(), nullptr, 0,
                        NI_NUMERICHOST) == 0) {
        return text.data();
      }
    }
  }
  return {};
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

LoopbackListener::LoopbackListener() {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof own;
  auto* address = reinterpret_cast<sockaddr*>(&own);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0 || ::bind(fd_, address, length) != 0 || ::listen(fd_, SOMAXCONN) != 0 ||
      ::getsockname(fd_, address, &length) != 0) {
    const int error = errno;
    if (fd_ >= 0) ::close(fd_);
    throw core::DistError({"the loopback device 127.0.0.1", "a free port", std::strerror(error),
                           "Bring the device lo up, or name a place with --rendezvous HOST:PORT"});
  }
  port_ = ntohs(own.sin_port);
}

LoopbackListener::~LoopbackListener() {
  if (fd_ >= 0) ::close(fd_);
}

int LoopbackListener::release() { return std::exchange(fd_, -1); }

}  // namespace llm::dist
