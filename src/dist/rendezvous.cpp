#include "llm/dist/rendezvous.h"

#include <c10/util/Logging.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "dist/address.h"
#include "dist/rank_list.h"
#include "dist/rendezvous_note.h"
#include "dist/store_connection.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/dist/start_up.h"

namespace llm::dist {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Deadline {
 public:
  explicit Deadline(milliseconds timeout) : timeout_(timeout), end_(Clock::now() + timeout) {}
  // At least a millisecond: c10d takes zero for "without end".
  milliseconds left() const {
    return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(end_ - Clock::now()));
  }
  bool is_over() const { return Clock::now() >= end_; }
  double seconds() const { return std::chrono::duration<double>(timeout_).count(); }

 private:
  milliseconds timeout_;
  Clock::time_point end_;
};

core::DistError no_store(const LaunchEnvironment& launch, const HostPort& place,
                         const Deadline& deadline, const std::exception& error) {
  const bool serves = launch.rank == 0 && !launch.is_store_served;
  return core::DistError(
      {fmt::format("rank {} of {} on {}", launch.rank, launch.world_size, host_name()),
       fmt::format("{} {} within {} s", serves ? "to serve the store at" : "the store at",
                   to_string(place), deadline.seconds()),
       first_line(error),
       serves ? "The port may be in use, or the host another than this one: name this host and a "
                "free port with --rendezvous HOST:PORT"
              : "Rank 0 has to run on that host and be reachable at that port: look at its "
                "messages, or name another place with --rendezvous HOST:PORT"});
}

// What c10d would print when a peer is late or gone, with stacks, our errors say in one sentence.
// LibTorch's own variable switches it on again.
void quiet_c10d() {
  static const bool is_quiet = [] {
    if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
    return true;
  }();
  static_cast<void>(is_quiet);
}

Store open_store(const LaunchEnvironment& launch, const HostPort& place, const Deadline& deadline,
                 LoopbackListener* listener) {
  quiet_c10d();
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = launch.rank == 0 && !launch.is_store_served;
  options.waitWorkers = false;
  options.timeout = deadline.left();
  if (listener) options.masterListenFd = listener->release();
  try {
    return make_store(c10::make_intrusive<c10d::TCPStore>(place.host, options));
  } catch (const std::exception& error) {
    throw no_store(launch, place, deadline, error);
  }
}

// Keys of one launch: torchrun's store outlives restarts, and serves others too.
Store with_prefix(const Store& store, const std::string& prefix) {
  return make_store(c10::make_intrusive<c10d::PrefixStore>(prefix, store.connection()->store));
}

std::string announcement(const Peer& peer) {
  return fmt::format("{}\n{}\n{}", peer.host, peer.pid, peer.address);
}

Peer parse_announcement(int rank, const std::string& text) {
  std::istringstream lines(text);
  Peer peer{.rank = rank};
  std::string pid;
  std::getline(lines, peer.host);
  std::getline(lines, pid);
  std::getline(lines, peer.address);
  peer.pid = std::strtoll(pid.c_str(), nullptr, 10);
  return peer;
}

std::string rank_key(int rank) { return fmt::format("rank/{}", rank); }

// Takes those that have announced themselves out of `missing`.
void look_for(Store& store, std::vector<int>& missing, std::vector<Peer>& peers) {
  std::erase_if(missing, [&](int rank) {
    const auto text = store.get(rank_key(rank));
    if (text) peers[static_cast<size_t>(rank)] = parse_announcement(rank, *text);
    return text.has_value();
  });
}

std::vector<Peer> wait_for_all(Store& store, const LaunchEnvironment& launch,
                               const Deadline& deadline) {
  std::vector<Peer> peers(static_cast<size_t>(launch.world_size));
  std::vector<int> missing;
  for (int rank = 0; rank < launch.world_size; ++rank) missing.push_back(rank);
  const std::string where = fmt::format("rendezvous of {} ranks, rank {} on {}", launch.world_size,
                                        launch.rank, host_name());
  for (milliseconds pause(5);; pause = std::min(pause * 2, milliseconds(200))) {
    try {
      look_for(store, missing, peers);
    } catch (const core::DistError&) {
      throw core::DistError({where, "all ranks",
                             "rank 0 left while waiting for " + rank_list(missing),
                             "Look at rank 0's messages"});
    }
    if (missing.empty()) return peers;
    if (deadline.is_over()) break;
    std::this_thread::sleep_for(std::min(pause, deadline.left()));
  }
  throw core::DistError(
      {where, fmt::format("all ranks within {} s", deadline.seconds()),
       "nothing from " + rank_list(missing),
       "Look at their messages. If they run, they were given another place to meet: the same "
       "--rendezvous HOST:PORT serves all"});
}

// Rank 0 holds the store, so it leaves last. A rank that dies meanwhile is found out later.
void see_off(Store& store, const LaunchEnvironment& launch, const Deadline& deadline) {
  store.add("met", 1);
  while (launch.rank == 0 && store.add("met", 0) < launch.world_size && !deadline.is_over()) {
    std::this_thread::sleep_for(milliseconds(2));
  }
}

// A name that means this machine may give the loopback address here (as Debian's /etc/hosts does):
// then the way to a rank on another host shows the right one.
std::string reachable_address(const Peer& own, const std::vector<Peer>& peers, int port) {
  if (!is_loopback(own.address)) return own.address;
  for (const Peer& peer : peers) {
    if (is_loopback(peer.address)) continue;
    const auto address = own_address_towards({peer.address, port});
    if (address && !is_loopback(*address)) return *address;
  }
  throw core::DistError({own.name(), "an address that other hosts can reach", own.address,
                         "Name rank 0's host by its network address with --rendezvous "
                         "HOST:PORT, or set GLOO_SOCKET_IFNAME to the network device"});
}

Rendezvous meet_at(const LaunchEnvironment& launch, const HostPort& place, const Deadline& deadline,
                   LoopbackListener* listener) {
  Store store = with_prefix(open_store(launch, place, deadline, listener),
                            fmt::format("llmtrain/{}.{}", launch.job, launch.restart));
  Peer own{.rank = launch.rank, .host = host_name(), .pid = ::getpid(), .address = "127.0.0.1"};
  if (!launch.is_single_host()) own.address = own_address_towards(place).value_or("127.0.0.1");
  store.set(rank_key(launch.rank), announcement(own));
  std::vector<Peer> peers = wait_for_all(store, launch, deadline);
  see_off(store, launch, deadline);
  const std::string address =
      launch.is_single_host() ? own.address : reachable_address(own, peers, place.port);
  return {launch, store, std::move(peers), address};
}

// Ranks of one host, without an address.
Rendezvous meet_by_note(const LaunchEnvironment& launch, const RendezvousOptions& options,
                        const Deadline& deadline) {
  namespace fs = std::filesystem;
  const fs::path directory =
      options.note_directory.empty() ? fs::temp_directory_path() : options.note_directory;
  const std::string key = job_key(launch);
  const fs::path path = note_path(directory, key);
  if (launch.rank > 0) {
    const HostPort place{"127.0.0.1", read_note(path, key, options.timeout)};
    return meet_at(launch, place, deadline, nullptr);
  }
  LoopbackListener listener;
  const RendezvousNote note(path, listener.port(), key);
  return meet_at(launch, {"127.0.0.1", listener.port()}, deadline, &listener);
}

}  // namespace

std::string Peer::name() const { return fmt::format("rank {} ({}, process {})", rank, host, pid); }

Rendezvous meet(const LaunchEnvironment& launch, const RendezvousOptions& options) {
  LLM_CHECK(launch.world_size > 1 && launch.rank >= 0 && launch.rank < launch.world_size,
            "rank {} of {}", launch.rank, launch.world_size);
  const Deadline deadline(options.timeout);
  if (!options.address.empty()) {
    LaunchEnvironment own = launch;
    own.is_store_served = false;
    return meet_at(own, parse_host_port(options.address, "--rendezvous"), deadline, nullptr);
  }
  if (launch.rendezvous) return meet_at(launch, *launch.rendezvous, deadline, nullptr);
  if (launch.is_single_host()) return meet_by_note(launch, options, deadline);
  throw core::ConfigError(
      {fmt::format("rendezvous of {} ranks started by {}", launch.world_size, launch.launcher),
       "the address of rank 0's host", "several hosts, and a launcher that does not name it",
       "Add --rendezvous HOST:PORT, with rank 0's host and a free port, to the command of all "
       "ranks"});
}

}  // namespace llm::dist
