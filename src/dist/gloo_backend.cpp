#include "dist/gloo_backend.h"

#include <cstdlib>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "dist/sigpipe.h"
#include "dist/store_connection.h"

namespace llm::dist {

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const Rendezvous& rendezvous,
                                                    const std::string& name,
                                                    std::chrono::milliseconds timeout) {
  using Gloo = c10d::ProcessGroupGloo;
  const SigpipeBlock block;  // Gloo's threads start here
  const auto store =
      c10::make_intrusive<c10d::PrefixStore>("group/" + name, rendezvous.store.connection()->store);
  store->setTimeout(timeout);
  const auto options = Gloo::Options::create(timeout);
  options->threads = 1;  // for its own collectives, which are not used
  // c10d itself binds to what this machine's name means, which is often a loopback address.
  options->devices.push_back(std::getenv("GLOO_SOCKET_IFNAME")
                                 ? Gloo::createDefaultDevice()
                                 : Gloo::createDeviceForHostname(rendezvous.address));
  return c10::make_intrusive<Gloo>(store, rendezvous.launch.rank, rendezvous.launch.world_size,
                                   options);
}

}  // namespace llm::dist
