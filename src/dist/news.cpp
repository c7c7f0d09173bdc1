#include "dist/news.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

namespace llm::dist {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTogether(50);

}  // namespace

bool is_before(const News& a, const News& b) {
  if (a.cause.rank == b.cause.rank) {
    return a.cause.kind == FirstCause::Kind::kFailed && b.cause.kind != FirstCause::Kind::kFailed;
  }
  const auto later = a.since - b.since;
  return std::chrono::abs(later) > kTogether ? later.count() < 0 : a.cause.rank < b.cause.rank;
}

PeerLinks::Message to_message(const News& news, SteadyTime now) {
  const auto age = std::chrono::duration_cast<milliseconds>(now - news.since);
  const FirstCause& cause = news.cause;
  return {kNewsName,
          std::to_string(static_cast<int>(cause.kind)),
          std::to_string(cause.rank),
          fmt::format("{}", fmt::join(cause.lost, " ")),
          cause.text,
          std::to_string(cause.exit_code),
          std::to_string(age.count())};
}

News to_news(const PeerLinks::Message& message, SteadyTime now) {
  News news;
  news.cause.kind = static_cast<FirstCause::Kind>(std::stoi(message.at(1)));
  news.cause.rank = std::stoi(message.at(2));
  std::istringstream lost(message.at(3));
  for (int rank = 0; lost >> rank;) news.cause.lost.push_back(rank);
  news.cause.text = message.at(4);
  news.cause.exit_code = std::stoi(message.at(5));
  news.since = now - milliseconds(std::stoll(message.at(6)));
  return news;
}

void Verdict::set(const FirstCause& cause) {
  const std::lock_guard lock(mutex_);
  cause_ = cause;
  changed_.notify_all();
}

void Verdict::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

std::optional<FirstCause> Verdict::wait(milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return is_closed_ || cause_.has_value(); });
  return cause_;
}

}  // namespace llm::dist
