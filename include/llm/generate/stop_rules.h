// When generation ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm::generate {

enum class StopReason {
  kStopToken,    // an id of StopRules::ids was drawn
  kStopString,   // the text reached one of StopRules::strings
  kMaxTokens,    // StopRules::max_tokens tokens were drawn
  kContextFull,  // the model's context holds no more
  kInterrupted   // the caller said so
};
// "stop_token", "stop_string", "max_tokens", "context_full", "interrupted".
const char* stop_reason_name(StopReason reason);

struct StopRules {
  std::vector<int32_t> ids;
  std::vector<std::string> strings;   // the reply ends before them
  std::optional<int64_t> max_tokens;  // none: until the context is full
};

// Finds stop strings in text that arrives in pieces, and holds back what may still become one. The
// string that is complete first ends the text; of several that are complete at the same place, the
// longest. How the text was cut into pieces never changes the result. Not thread-safe.
class StopStringMatcher {
 public:
  // Throws: ConfigError for an empty string.
  explicit StopStringMatcher(std::vector<std::string> strings);

  // Text that can no longer be part of a stop string; "" once matched().
  std::string push(std::string_view text);
  // What is still held back, at the end of the text; "" when matched().
  std::string finish();
  bool matched() const { return matched_; }

 private:
  struct Match {
    size_t begin, end;
  };
  std::optional<Match> find_match() const;
  size_t held_back() const;

  std::vector<std::string> strings_;
  std::string pending_;
  bool matched_ = false;
};

}  // namespace llm::generate
