// How far long work is, on stderr: one line that redraws itself on a terminal, else a plain line
// every ten seconds.
#pragma once

#include <cstdint>
#include <string>

#include "llm/core/clock.h"

namespace llm::apps {

struct ProgressState {
  uint64_t done = 0;
  uint64_t total = 0;  // 0: unknown, and then there is neither percentage nor time left
  double seconds = 0;  // since the beginning
};
// "tokenise  42 %  left 1m 12s  DETAIL". The time left appears after a second, and not at the end.
std::string progress_line(const std::string& label, const ProgressState& at,
                          const std::string& detail);

// Not thread-safe. update() may be called as often as one likes.
class Progress {
 public:
  // `label` is what is being done: "tokenise".
  Progress(std::string label, bool is_enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `detail` is shown behind.
  void update(uint64_t done, uint64_t total, const std::string& detail = {});
  // Takes the line away (terminal). Also done by the destructor.
  void finish();
  double seconds() const { return watch_.seconds(); }

 private:
  std::string label_;
  bool is_enabled_;
  bool is_terminal_;
  bool is_drawn_ = false;
  double last_drawn_ = 0;
  core::Stopwatch watch_;
};

}  // namespace llm::apps
