// Messages between ranks over c10d Gloo's connections: what the rings are made of.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "llm/dist/rendezvous.h"

namespace llm::dist {

// A connection that broke, a peer that sent nothing in time, or fail(). The group makes a
// DistError of it, with the operation's name.
struct TransferFailure : public std::runtime_error {
  TransferFailure(const std::string& what, bool told) : std::runtime_error(what), is_told(told) {}
  bool is_told;  // `what` is the reason that fail() was given
};

// A message on its way. Its memory has to stay until it is waited for or destroyed.
struct Transfer {
  c10::intrusive_ptr<c10d::Work> work;
  int peer = 0;
};

// One thread sends, receives and waits; any thread may call fail().
class Transport {
 public:
  // Connects to all ranks. Throws: DistError.
  Transport(const Rendezvous& rendezvous, const std::string& name,
            std::chrono::milliseconds timeout);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(peers_.size()); }

  // A send and the receive that matches it have the same tag and size. Throws: TransferFailure.
  Transfer send(int peer, uint64_t tag, std::span<const std::byte> bytes);
  Transfer receive(int peer, uint64_t tag, std::span<std::byte> bytes);
  // Throws: TransferFailure naming the peer.
  void wait(const Transfer& transfer);

  // Later waits have no time limit.
  void wait_without_limit();
  // When a message last came or went, or note_movement() was called.
  std::chrono::steady_clock::time_point moved() const { return moved_; }
  void note_movement() { moved_ = std::chrono::steady_clock::now(); }

  // Ends the wait that is going on and all later ones. The first reason counts.
  void fail(const std::string& reason);

  int64_t bytes_sent() const { return bytes_sent_; }

 private:
  TransferFailure failure(int peer, const std::exception& error);
  void refuse_when_failed() const;

  int rank_;
  std::vector<Peer> peers_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::mutex mutex_;                       // guards the three below
  std::chrono::milliseconds timeout_;      // of a wait
  c10::intrusive_ptr<c10d::Work> waited_;  // for
  std::string fail_reason_;                // empty: go on
  std::atomic<bool> is_failed_{false};
  std::atomic<std::chrono::steady_clock::time_point> moved_{};
  int64_t bytes_sent_ = 0;
};

}  // namespace llm::dist
