// Elapsed time on the steady clock.
#pragma once

#include <chrono>

namespace llm::core {

// Runs from its construction. Copyable; not thread-safe.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  // Seconds since construction or the last restart, and starts again from 0.
  double restart() {
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return elapsed;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace llm::core
