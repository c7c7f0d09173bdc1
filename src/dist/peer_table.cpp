#include "dist/peer_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "dist/rank_list.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using Kind = FirstCause::Kind;

std::string seconds_text(std::chrono::steady_clock::duration time) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

}  // namespace

PeerTable::PeerTable(std::vector<Peer> peers, int own_rank, SteadyTime now)
    : peers_(std::move(peers)), own_(own_rank), rows_(peers_.size(), Row{.heard = now}) {}

void PeerTable::has_issued(int rank, int64_t count, std::string newest) {
  row(rank).issued = count;
  row(rank).newest = std::move(newest);
}

std::optional<FirstCause> PeerTable::closed(int rank) {
  row(rank).is_closed = true;
  if (row(rank).is_excused) return {};
  return FirstCause{.kind = Kind::kGone,
                    .rank = rank,
                    .lost = {rank},
                    .text = name(rank) + " ended without a word"};
}

bool PeerTable::is_silent(int rank, SteadyTime now, milliseconds limit) const {
  return rank != own_ && !row(rank).is_closed && !row(rank).is_excused &&
         now - row(rank).heard > limit;
}

std::optional<FirstCause> PeerTable::find_silent(SteadyTime now, milliseconds limit) const {
  for (int rank = 0; rank < size(); ++rank) {
    if (!is_silent(rank, now, limit)) continue;
    return FirstCause{
        .kind = Kind::kSilent,
        .rank = rank,
        .lost = {rank},
        .text = fmt::format("{} has been silent for {}: it is stopped, or its host or the network "
                            "is gone",
                            name(rank), seconds_text(now - row(rank).heard))};
  }
  return {};
}

std::optional<FirstCause> PeerTable::find_stuck(const Position& own, SteadyTime now,
                                                milliseconds limit) const {
  if (own.step == 0 || own.running == 0 || now - own.moved <= limit) return {};
  FirstCause cause{.kind = Kind::kStuck, .rank = own_};
  for (int rank = 0; rank < size(); ++rank) {
    if (rank != own_ && row(rank).issued < own.running) cause.lost.push_back(rank);
  }
  const std::string waits =
      fmt::format("{} has waited for {} in {} (dist.timeout_seconds)", name(own_),
                  seconds_text(now - own.moved), own.running_name);
  if (cause.lost.empty()) {
    cause.text = waits + ": all ranks have come to it, and nothing arrives";
    return cause;
  }
  cause.rank = cause.lost.front();
  cause.text = fmt::format("{}: {} {} not come to it; {} lives, and was last in {}", waits,
                           rank_list(cause.lost), cause.lost.size() == 1 ? "has" : "have",
                           name(cause.rank), row(cause.rank).newest);
  return cause;
}

FirstCause PeerTable::failed(const LastWords& words) const {
  return {.kind = Kind::kFailed,
          .rank = own_,
          .text = fmt::format("{} failed: {}", name(own_), words.what),
          .exit_code = words.exit_code};
}

bool PeerTable::is_told_here(const FirstCause& cause, SteadyTime now, milliseconds limit) const {
  if (cause.kind == Kind::kFailed) return cause.rank == own_;
  const auto is_lost = [&](int rank) {
    const bool is_gone = row(rank).is_closed && !row(rank).is_excused;
    return is_gone || is_silent(rank, now, limit) || std::ranges::count(cause.lost, rank) > 0;
  };
  for (int rank = 0; rank < own_; ++rank) {
    if (!is_lost(rank)) return false;
  }
  return !is_lost(own_);
}

}  // namespace llm::dist
