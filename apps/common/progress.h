// How far long work is, on stderr: one line that redraws itself on a terminal, else a plain line
// every ten seconds.
#pragma once

#include <cstdint>
#include <string>

#include "llm/core/clock.h"

namespace llm::apps {

// Not thread-safe. update() may be called as often as one likes.
class Progress {
 public:
  // `label` is what is being done: "tokenise".
  Progress(std::string label, bool is_enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // total 0: unknown, and then there is neither percentage nor time left. `detail` is shown behind.
  void update(uint64_t done, uint64_t total, const std::string& detail = {});
  // Takes the line away (terminal). Also done by the destructor.
  void finish();
  double seconds() const { return watch_.seconds(); }

 private:
  std::string line(uint64_t done, uint64_t total, const std::string& detail) const;

  std::string label_;
  bool is_enabled_;
  bool is_terminal_;
  bool is_drawn_ = false;
  double last_drawn_ = 0;
  core::Stopwatch watch_;
};

}  // namespace llm::apps
