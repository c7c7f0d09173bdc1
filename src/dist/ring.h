// Collectives made of messages between neighbours. All ranks call the same functions in the same
// order; letters as in llm/dist/process_group.h.
//
// reduce_scatter: in step k rank r sends shard r-k-1 to rank r+1 and adds shard r-k-2 from rank r-1
// to its own. all_gather: it sends shard r-k and receives shard r-k-1. A shard travels in segments,
// so that adding one goes on while others are on their way.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dist/transport.h"

namespace llm::dist {

class Ring {
 public:
  // Requires: the transport outlives the ring.
  explicit Ring(Transport& transport) : transport_(transport) {}

  // Tensors are flat [n] and on the CPU. All throw: TransferFailure.
  void reduce_scatter(const at::Tensor& flat);
  void all_gather(const at::Tensor& flat);
  void broadcast(const at::Tensor& flat, int root);
  // Every rank to every rank, added in rank order.
  void exchange_and_add(const at::Tensor& flat);
  std::vector<std::string> exchange(const std::string& bytes);

 private:
  // Message i of a neighbour is received, handled, and lets message i + sends_ahead go.
  struct Pipeline {
    int64_t num_receives = 0;
    int64_t num_sends = 0;
    int64_t sends_ahead = 0;  // messages that wait for nothing
    std::function<std::span<std::byte>(int64_t)> receive_into;
    std::function<std::span<const std::byte>(int64_t)> send_from;
    std::function<void(int64_t)> on_received = [](int64_t) {};
  };
  void run(const Pipeline& pipeline);
  int neighbour(int distance) const;
  // Sends `own` to every rank; parts[p] receives rank p's. Sizes are known; zero is not sent.
  void exchange_parts(std::span<const std::byte> own,
                      const std::vector<std::span<std::byte>>& parts);

  Transport& transport_;
  uint64_t next_tag_ = 0;  // the same on all ranks
};

}  // namespace llm::dist
