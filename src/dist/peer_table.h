// What a rank knows about the others, and what it makes of it. Pure: time is an argument.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "llm/dist/liveness.h"

namespace llm::dist {

using SteadyTime = std::chrono::steady_clock::time_point;

class PeerTable {
 public:
  PeerTable(std::vector<Peer> peers, int own_rank, SteadyTime now);

  void heard(int rank, SteadyTime now) { row(rank).heard = now; }
  void has_issued(int rank, int64_t count, std::string newest);
  // It has given a cause for leaving, or said farewell: that it goes is no news.
  void excuse(int rank) { row(rank).is_excused = true; }

  // Each a cause of failure, or nothing.
  std::optional<FirstCause> closed(int rank);
  std::optional<FirstCause> find_silent(SteadyTime now, std::chrono::milliseconds limit) const;
  // `own` is this rank's.
  std::optional<FirstCause> find_stuck(const Position& own, SteadyTime now,
                                       std::chrono::milliseconds limit) const;
  FirstCause failed(const LastWords& words) const;

  // Whether this rank is the lowest that can tell the user.
  bool is_told_here(const FirstCause& cause, SteadyTime now, std::chrono::milliseconds limit) const;

 private:
  struct Row {
    SteadyTime heard;
    int64_t issued = 0;
    std::string newest;
    bool is_closed = false;
    bool is_excused = false;
  };
  Row& row(int rank) { return rows_[static_cast<size_t>(rank)]; }
  const Row& row(int rank) const { return rows_[static_cast<size_t>(rank)]; }
  std::string name(int rank) const { return peers_[static_cast<size_t>(rank)].name(); }
  bool is_silent(int rank, SteadyTime now, std::chrono::milliseconds limit) const;
  int size() const { return static_cast<int>(rows_.size()); }

  std::vector<Peer> peers_;
  int own_;
  std::vector<Row> rows_;  // by rank
};

}  // namespace llm::dist
