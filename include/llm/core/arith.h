// Checked integer arithmetic.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <utility>

#include "llm/core/check.h"

namespace llm::core {

// a / b where b divides a. Requires: b > 0 and a % b == 0.
template <std::integral T>
constexpr T div_exact(T a, T b) {
  LLM_CHECK(b > 0 && a % b == 0, "{} / {} is not whole", a, b);
  return a / b;
}

// Smallest whole number >= a / b. Requires: a >= 0, b > 0.
template <std::integral T>
constexpr T div_ceil(T a, T b) {
  return a / b + (a % b != 0);
}

// Smallest multiple of `multiple` >= a. Requires: a >= 0, multiple > 0.
template <std::integral T>
constexpr T round_up(T a, T multiple) {
  return div_ceil(a, multiple) * multiple;
}

// Conversion that keeps the value. Throws: ContractViolation when it would not.
template <std::integral To, std::integral From>
constexpr To narrow(From value) {
  LLM_CHECK(std::in_range<To>(value), "{} does not fit", value);
  return static_cast<To>(value);
}

}  // namespace llm::core
