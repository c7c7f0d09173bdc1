// Numeric addresses of this machine.
#pragma once

#include <optional>
#include <string>

#include "llm/dist/launch.h"

namespace llm::dist {

// The address that this machine would use as its own when it talks to `target` (nothing is sent);
// nullopt when the name has no address or there is no way there.
std::optional<std::string> own_address_towards(const HostPort& target);

// The address of a network device; IPv4 first. nullopt: no such device, or it has none.
std::optional<std::string> address_of_device(const std::string& name);

// 127.0.0.0/8 and ::1.
bool is_loopback(const std::string& address);

// A socket that listens on the loopback device at a port of the system's choice.
class LoopbackListener {
 public:
  // Throws: DistError.
  LoopbackListener();
  ~LoopbackListener();
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;

  int port() const { return port_; }
  int release();  // the caller closes it

 private:
  int fd_ = -1;
  int port_ = 0;
};

}  // namespace llm::dist
