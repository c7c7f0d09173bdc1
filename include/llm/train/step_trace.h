// What a step spent its time on, as spans of two tracks: what computes, and what communicates
// meanwhile. For chrome://tracing and ui.perfetto.dev (Trace Event Format, complete events).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "llm/dist/process_group.h"

namespace llm::train {

struct TraceSpan {
  enum class Track { kCompute, kCommunication };
  using Time = std::chrono::steady_clock::time_point;

  Track track = Track::kCompute;
  std::string name;  // "backward", "reduce_scatter of gradient bucket 3 of step 12"
  Time begin, end;
  int64_t bytes = 0;  // sent
};

// Thread-safe.
class StepTrace {
 public:
  void add(TraceSpan span);
  // A collective that is over; for dist::GroupOptions::observer.
  void add_collective(const dist::CollectiveTiming& timing);
  void clear();
  std::vector<TraceSpan> spans() const;

  // Adds a span of the compute track from its construction to its end. A trace of nullptr: nothing.
  class Scope {
   public:
    Scope(StepTrace* trace, std::string name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    StepTrace* trace_;
    std::string name_;
    TraceSpan::Time begin_;
  };

 private:
  mutable std::mutex mutex_;
  std::vector<TraceSpan> spans_;
};

inline constexpr const char* kBackwardSpan = "backward";
// Inside a backward pass: until a buffer is free for the gradients of a layer.
inline constexpr const char* kBufferSpan = "wait for a buffer";

// How much of the time that gradients are on their way lies under the computing of backward passes:
// in spans named kBackwardSpan and not kBufferSpan.
struct Overlap {
  double gradient_seconds = 0;  // collectives of gradients
  double hidden_seconds = 0;    // of them, under the backward pass
  double weight_seconds = 0;    // collectives of weights
};
Overlap measure_overlap(const std::vector<TraceSpan>& spans);

// One file with every rank's spans, a process for each, written by rank 0. Times of ranks on one
// host are of one clock. Called by all ranks. Throws: IoError, DistError.
void write_trace(const std::filesystem::path& path, dist::ProcessGroup& group,
                 const StepTrace& trace);

}  // namespace llm::train
