// Collective operations over the ranks of a run. Every rank issues the same operations on tensors
// of the same size and type in the same order; they run in that order.
//
// Letters: W ranks, r this rank, n elements, b bytes per element.
//
// On the CPU all traffic is our own, over c10d Gloo's send and recv: rings in segments, so that a
// sum has its fixed order. Of shard s it is x[s+1] + x[s+2] + ... + x[s] (ranks modulo W), whatever
// the timing: the same bits at every repetition with the same W and n. bfloat16 is added in float
// and rounded once per addition. On GPUs the operations are NCCL's, whose order is its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llm/dist/rendezvous.h"

namespace llm::dist {

struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

// The part of n elements that rank r owns in reduce_scatter and all_gather: W equal parts of a
// multiple of 16 elements, in rank order; the last takes the rest as well (less than 16 W).
Range shard_range(int64_t n, int world_size, int rank);

enum class Payload { kGradient, kParameter, kControl };

// What a call is for: the column of the traffic table it counts in, and what errors call it.
struct Call {
  Payload payload = Payload::kControl;
  std::string label;  // "gradient bucket 3 of step 12"
};

struct TrafficCount {
  int64_t bytes_sent = 0;  // payload alone: no headers, no start-up
  int64_t collectives = 0;
};
struct Traffic {
  TrafficCount gradient, parameter, control;
};

// An operation that may still be running.
class Work {
 public:
  virtual ~Work() = default;
  // Returns when the tensor may be used: on the CPU when the operation is over, on a GPU when the
  // current stream is made to wait for it. Throws: DistError if it failed, at every call.
  virtual void wait() = 0;
  virtual bool is_done() = 0;
};

// What an operation took, for traces. Times of the steady clock.
struct CollectiveTiming {
  std::string name;  // "reduce_scatter"
  std::string label;
  int64_t bytes_sent = 0;
  std::chrono::steady_clock::time_point issued, begin, end;
};

// How far a rank's operations have come, for whoever watches over it (liveness.h).
struct Position {
  int64_t issued = 0;        // operations, those included that are over
  std::string newest;        // the last of them: "all_reduce of gradient bucket 3 of step 12"
  int64_t running = 0;       // the number of the one under way, from 1; 0: none
  std::string running_name;  // as `newest`
  std::chrono::steady_clock::time_point moved;  // when it began, or its last message came
  int64_t step = 0;                             // of set_step()
};

// Thread-safe in the sense that calls of several threads are put in some order; as that order has
// to be the same on all ranks, one thread should make them. Nothing may touch a tensor between an
// asynchronous call and its wait(). Tensors are contiguous, taken as flat [n], of type float,
// double, bfloat16 or int64; sizes of zero are fine.
//
// After a failed operation a group is of no more use: every later call fails with the same error.
// Throws: DistError naming rank, operation, label, and the peer where it is known; a peer that
// sends nothing for the group's time limit counts as failed.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // flat[i] = the sum over ranks. Sends 2 n b (W-1)/W, give or take the rest of the shards: exactly
  // (2n - |shard r| - |shard r+1|) b. Control payloads up to 1 KiB go straight to every rank and
  // are added in rank order: (W-1) n b, one hop. All ranks get the same bits either way.
  virtual std::shared_ptr<Work> all_reduce_async(const at::Tensor& flat, Call call) = 0;
  // Afterwards this rank's shard of `flat` is the sum; the rest of `flat` is unspecified.
  // Sends (n - |shard r|) b.
  virtual std::shared_ptr<Work> reduce_scatter_async(const at::Tensor& flat, Call call) = 0;
  // Every rank's shard of `flat` goes to all. Sends (n - |shard r+1|) b.
  virtual std::shared_ptr<Work> all_gather_async(const at::Tensor& flat, Call call) = 0;
  // `root`'s flat goes to all. Sends n b, except the last rank of the ring that begins at `root`.
  virtual std::shared_ptr<Work> broadcast_async(const at::Tensor& flat, int root, Call call) = 0;

  // Everybody's text, by rank. For small things; counts as control payload: (W-1)(8 + length).
  virtual std::vector<std::string> all_gather_bytes(const std::string& bytes,
                                                    const std::string& label) = 0;
  // Returns when every rank has called it, and every operation issued before is over.
  virtual void barrier(const std::string& label) = 0;

  // Fails what is running and everything later, from any thread, with `reason` as its cause: for
  // whoever learns in another way that a peer is dead.
  virtual void fail(const std::string& reason) = 0;

  // The training step, from 1, to which later operations belong; 0, as at first: to none. Errors
  // name it. Not a collective.
  virtual void set_step(int64_t step) = 0;
  virtual Position position() const = 0;
  // From here on operations wait without a time limit, for a caller who knows which ranks live and
  // calls fail(). Where a connection breaks before that, `find_cause` is told what was seen, and
  // says what errors give as the cause; on a thread of the group, which may wait in it.
  using FindCause = std::function<std::string(const std::string& symptom)>;
  virtual void watch_with(FindCause find_cause) = 0;

  virtual Traffic traffic() const = 0;

  void all_reduce(const at::Tensor& flat, Call call);
  void reduce_scatter(const at::Tensor& flat, Call call);
  void all_gather(const at::Tensor& flat, Call call);
  void broadcast(const at::Tensor& flat, int root, Call call);
};

struct GroupOptions {
  at::Device device = at::kCPU;  // CUDA: tensors of that device go by NCCL, CPU tensors by Gloo
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  std::string name = "main";  // groups of one rendezvous have different names
  // Is told every finished operation of the CPU, on the communication thread; may be empty.
  std::function<void(const CollectiveTiming&)> observer = {};
};

// Connects all ranks. Every rank calls it with the same options. The rendezvous' store has to live
// on rank 0 until this returns on all ranks.
// Throws: DistError when a peer cannot be reached; ConfigError for CUDA in a build without it.
std::unique_ptr<ProcessGroup> make_process_group(const Rendezvous& rendezvous,
                                                 const GroupOptions& options);
// One rank: every operation is done at once, nothing is sent, nothing is counted.
std::unique_ptr<ProcessGroup> make_local_group();

}  // namespace llm::dist
