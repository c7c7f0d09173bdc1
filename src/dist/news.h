// What the liveness threads of the ranks tell each other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "dist/peer_links.h"
#include "dist/peer_table.h"
#include "llm/dist/liveness.h"

namespace llm::dist {

// Messages: a name and fields.
inline constexpr const char* kBeatName = "beat";  // operations issued, the newest
inline constexpr const char* kNewsName = "news";  // of to_message()
inline constexpr const char* kFarewellName = "bye";

struct News {
  FirstCause cause;
  SteadyTime since;  // by this machine's clock
};

// An order on which all ranks agree, but for what they cannot tell of each other's clocks: failures
// within 50 ms go by rank.
bool is_before(const News& a, const News& b);

PeerLinks::Message to_message(const News& news, SteadyTime now);
News to_news(const PeerLinks::Message& message, SteadyTime now);

// Where the liveness thread leaves the first cause, for threads that wait for it.
class Verdict {
 public:
  void set(const FirstCause& cause);
  // There will be none.
  void close();
  std::optional<FirstCause> wait(std::chrono::milliseconds patience);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<FirstCause> cause_;
  bool is_closed_ = false;
};

}  // namespace llm::dist
