#include "llm/generate/stop_rules.h"

#include <algorithm>
#include <utility>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::generate {

const char* stop_reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::kStopToken:
      return "stop_token";
    case StopReason::kStopString:
      return "stop_string";
    case StopReason::kMaxTokens:
      return "max_tokens";
    case StopReason::kContextFull:
      return "context_full";
    case StopReason::kInterrupted:
      return "interrupted";
  }
  LLM_CHECK(false, "stop reason {}", static_cast<int>(reason));
  return "";
}

StopStringMatcher::StopStringMatcher(std::vector<std::string> strings)
    : strings_(std::move(strings)) {
  for (const std::string& s : strings_) {
    if (s.empty()) {
      throw core::ConfigError({"stop string", "at least one character", "an empty string",
                               "An empty stop string would end every reply before it starts"});
    }
  }
}

std::string StopStringMatcher::push(std::string_view text) {
  if (matched_) return {};
  pending_ += text;
  if (const auto match = find_match()) {
    matched_ = true;
    return std::exchange(pending_, {}).substr(0, match->begin);
  }
  const size_t released = pending_.size() - held_back();
  std::string out = pending_.substr(0, released);
  pending_.erase(0, released);
  return out;
}

std::string StopStringMatcher::finish() { return std::exchange(pending_, {}); }

std::optional<StopStringMatcher::Match> StopStringMatcher::find_match() const {
  std::optional<Match> best;
  for (const std::string& s : strings_) {
    const size_t begin = pending_.find(s);
    if (begin == std::string::npos) continue;
    const Match match{begin, begin + s.size()};
    if (!best || match.end < best->end || (match.end == best->end && match.begin < best->begin)) {
      best = match;
    }
  }
  return best;
}

size_t StopStringMatcher::held_back() const {
  size_t longest = 0;
  for (const std::string& s : strings_) {
    for (size_t n = std::min(s.size() - 1, pending_.size()); n > longest; --n) {
      if (pending_.ends_with(std::string_view(s).substr(0, n))) longest = n;
    }
  }
  return longest;
}

}  // namespace llm::generate
