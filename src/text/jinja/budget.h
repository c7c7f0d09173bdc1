// What one rendering may use, so that a template that never ends, or grows without end, becomes an
// error.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "llm/core/format.h"

namespace llm::text::jinja {

// A rendering that failed. The interpreter adds the template's name and line.
class RenderFailure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Limits {
  int64_t max_steps = 10'000'000;             // nodes evaluated, elements compared
  size_t max_output_bytes = size_t{1} << 24;  // also of any single string
  size_t max_work_bytes = size_t{1} << 30;    // bytes of all strings and lists ever made
  int max_depth = 1000;                       // nested evaluations
};

inline constexpr int kMaxContainerDepth = 100;  // lists in lists
inline constexpr int64_t kMaxRange = 100'000;   // as jinja2's sandbox

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  void step(int64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.max_steps) [[unlikely]]
      throw RenderFailure(fmt::format("the template does not end within {} steps", steps_ - count));
  }
  void charge(size_t bytes) {
    if (bytes > limits_.max_work_bytes || work_ + bytes > limits_.max_work_bytes) [[unlikely]]
      throw RenderFailure(fmt::format("the template needs more than {} of memory",
                                      core::format_bytes(limits_.max_work_bytes)));
    work_ += bytes;
  }
  void check_size(size_t bytes) const {
    if (bytes > limits_.max_output_bytes) [[unlikely]]
      throw RenderFailure(
          fmt::format("a text grows beyond {}", core::format_bytes(limits_.max_output_bytes)));
  }
  // Throws before a text of `bytes` is written `count` times.
  void check_repeated(int64_t count, size_t bytes) const {
    if (count <= 0 || bytes == 0) return;
    const bool is_more = static_cast<size_t>(count) > limits_.max_output_bytes / bytes;
    check_size(is_more ? SIZE_MAX : static_cast<size_t>(count) * bytes);
  }
  // Throws before `count` things of `size` bytes are made.
  void charge_many(int64_t count, size_t size) {
    if (count <= 0 || size == 0) return;
    if (static_cast<size_t>(count) > limits_.max_work_bytes / size) charge(limits_.max_work_bytes);
    charge(static_cast<size_t>(count) * size);
  }

  // One evaluation inside another.
  class Nested {
   public:
    explicit Nested(Budget& budget) : budget_(budget) {
      if (++budget_.depth_ > budget_.limits_.max_depth) [[unlikely]] {
        --budget_.depth_;
        throw RenderFailure(
            fmt::format("more than {} evaluations inside one another", budget_.limits_.max_depth));
      }
    }
    ~Nested() { --budget_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Budget& budget_;
  };

 private:
  Limits limits_;
  int64_t steps_ = 0;
  size_t work_ = 0;
  int depth_ = 0;
};

}  // namespace llm::text::jinja
