#include "dist/peer_links.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <random>
#include <system_error>

#include "dist/address.h"
#include "dist/packed_strings.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kConnectTime{60};
constexpr std::chrono::seconds kGreetingTime{5};

// What the ranks of this launch know and others do not.
std::string random_word() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

struct Places {
  std::string word;              // of rank 0
  std::vector<HostPort> places;  // by rank
};

Places gather_places(ProcessGroup& group, const HostPort& own) {
  Places all;
  const auto messages = group.all_gather_bytes(
      pack_strings({random_word(), own.host, std::to_string(own.port)}), "addresses of ranks");
  for (const std::string& message : messages) {
    const std::vector<std::string> fields = unpack_strings(message);
    if (all.places.empty()) all.word = fields.at(0);
    all.places.push_back({fields.at(1), std::stoi(fields.at(2))});
  }
  return all;
}

// The rank that has connected; -1 for a stranger, as port scanners are.
int greeted_rank(const Socket& socket, const Places& places) {
  try {
    const auto fields = unpack_strings(receive_message(socket, Clock::now() + kGreetingTime));
    if (fields.size() == 2 && fields[0] == places.word) return std::stoi(fields[1]);
  } catch (const std::exception&) {
  }
  return -1;
}

core::DistError cannot_link(const Peer& own, const std::exception& error) {
  return core::DistError({own.name(), "a connection to every other rank for news", error.what(),
                          "Between hosts, all ports have to be open; GLOO_SOCKET_IFNAME chooses "
                          "the network device"});
}

std::string listening_address(const Rendezvous& rendezvous) {
  const char* device = std::getenv("GLOO_SOCKET_IFNAME");
  const auto address = device != nullptr ? address_of_device(device) : std::nullopt;
  return address.value_or(rendezvous.address);
}

// By rank: those below are called, those above call.
std::vector<Socket> connect_all(const Rendezvous& rendezvous, ProcessGroup& group) {
  const int rank = group.rank(), size = group.size();
  const std::string address = listening_address(rendezvous);
  const Socket listener = listen_at(address);
  const Places all = gather_places(group, {address, port_of(listener)});
  const EndTime deadline = Clock::now() + kConnectTime;
  std::vector<Socket> sockets(static_cast<size_t>(size));
  for (int peer = 0; peer < rank; ++peer) {
    Socket& socket = sockets[static_cast<size_t>(peer)];
    socket = connect_to(all.places[static_cast<size_t>(peer)], deadline);
    send_message(socket, pack_strings({all.word, std::to_string(rank)}));
  }
  for (int missing = size - 1 - rank; missing > 0;) {
    Socket socket = accept_from(listener, deadline);
    const int peer = greeted_rank(socket, all);
    if (peer <= rank || peer >= size || sockets[static_cast<size_t>(peer)].is_open()) continue;
    sockets[static_cast<size_t>(peer)] = std::move(socket);
    --missing;
  }
  return sockets;
}

}  // namespace

PeerLinks::PeerLinks(const Rendezvous& rendezvous, ProcessGroup& group)
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  try {
    for (Socket& socket : connect_all(rendezvous, group)) {
      if (socket.is_open()) {
        ::fcntl(socket.fd(), F_SETFL, ::fcntl(socket.fd(), F_GETFL) | O_NONBLOCK);
      }
      links_.push_back({std::move(socket)});
    }
  } catch (const std::system_error& error) {
    throw cannot_link(rendezvous.peers[static_cast<size_t>(group.rank())], error);
  }
}

void PeerLinks::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.fd(), &one, sizeof one);
}

void PeerLinks::send(int rank, const Message& message) {
  if (!link(rank).socket.is_open()) return;
  link(rank).outgoing += with_length(pack_strings(message));
  write_out(rank);
}

void PeerLinks::close(int rank) {
  link(rank).socket.close();
  link(rank).outgoing.clear();
}

// A broken connection is noticed when it is read, after all that came before.
void PeerLinks::write_out(int rank) {
  Link& peer = link(rank);
  while (!peer.outgoing.empty()) {
    const ssize_t count =
        ::send(peer.socket.fd(), peer.outgoing.data(), peer.outgoing.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    peer.outgoing.erase(0, count < 0 ? peer.outgoing.size() : static_cast<size_t>(count));
  }
}

void PeerLinks::read_in(int rank, std::vector<Event>& events) {
  Link& peer = link(rank);
  std::array<char, 4096> buffer{};
  bool is_closed = false;
  while (!is_closed) {
    const ssize_t count = ::recv(peer.socket.fd(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    is_closed = count <= 0;
    if (count > 0) peer.incoming.append(buffer.data(), static_cast<size_t>(count));
  }
  for (std::string message; take_message(peer.incoming, message);) {
    events.push_back({.rank = rank, .message = unpack_strings(message)});
  }
  if (!is_closed) return;
  close(rank);
  events.push_back({.rank = rank, .is_closed = true});
}

void PeerLinks::wait_for_sockets(std::chrono::milliseconds timeout) {
  std::vector<pollfd> entries{{.fd = wake_.fd(), .events = POLLIN, .revents = 0}};
  for (const Link& peer : links_) {
    if (!peer.socket.is_open()) continue;
    const int events = POLLIN | (peer.outgoing.empty() ? 0 : POLLOUT);
    entries.push_back({.fd = peer.socket.fd(), .events = static_cast<short>(events), .revents = 0});
  }
  ::poll(entries.data(), entries.size(), static_cast<int>(timeout.count()));
  uint64_t count = 0;
  while (::read(wake_.fd(), &count, sizeof count) > 0) {
  }
}

std::vector<PeerLinks::Event> PeerLinks::wait(std::chrono::milliseconds timeout) {
  wait_for_sockets(timeout);
  std::vector<Event> events;
  for (int rank = 0; rank < static_cast<int>(links_.size()); ++rank) {
    if (link(rank).socket.is_open()) write_out(rank);
    if (link(rank).socket.is_open()) read_in(rank, events);
  }
  return events;
}

void PeerLinks::flush(std::chrono::milliseconds timeout) {
  const EndTime deadline = Clock::now() + timeout;
  const auto is_done = [this] {
    return std::ranges::all_of(links_, [](const Link& peer) { return peer.outgoing.empty(); });
  };
  while (!is_done() && Clock::now() < deadline) wait(std::chrono::milliseconds(10));
}

}  // namespace llm::dist
