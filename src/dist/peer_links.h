// A connection of its own to every other rank, for news about ranks. Not for tensors.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "dist/socket.h"
#include "llm/dist/process_group.h"
#include "llm/dist/rendezvous.h"

namespace llm::dist {

// One thread sends and waits; any thread may call wake(). Nothing here waits for a slow peer: what
// it does not take stays in a buffer.
class PeerLinks {
 public:
  using Message = std::vector<std::string>;
  struct Event {
    int rank = 0;
    bool is_closed = false;  // else a message
    Message message = {};
  };

  // A collective of `group`. Throws: DistError.
  PeerLinks(const Rendezvous& rendezvous, ProcessGroup& group);

  // Returns at once when something has come or wake() was called, else after `timeout`.
  std::vector<Event> wait(std::chrono::milliseconds timeout);
  void wake();
  // Nothing happens for a rank whose connection is closed.
  void send(int rank, const Message& message);
  // Whether the peer has taken all that was sent to it, as far as this machine can tell.
  bool is_sent(int rank) const { return link(rank).outgoing.empty(); }
  // Waits until all of them have, at most `timeout`.
  void flush(std::chrono::milliseconds timeout);
  void close(int rank);

 private:
  struct Link {
    Socket socket = {};
    std::string incoming = {}, outgoing = {};
  };
  const Link& link(int rank) const { return links_[static_cast<size_t>(rank)]; }
  Link& link(int rank) { return links_[static_cast<size_t>(rank)]; }
  // Waits for a socket that can be read, or written where something is left to write.
  void wait_for_sockets(std::chrono::milliseconds timeout);
  void write_out(int rank);
  void read_in(int rank, std::vector<Event>& events);

  std::vector<Link> links_;  // by rank; this rank's is closed
  Socket wake_;              // an eventfd
};

}  // namespace llm::dist
