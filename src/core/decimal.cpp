#include "llm/core/decimal.h"

#include <array>
#include <charconv>

namespace llm::core {

double shortest_decimal(double fp32_value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.begin(), text.end(), static_cast<float>(fp32_value)).ptr;
  double value = fp32_value;
  std::from_chars(text.begin(), end, value);
  return value;
}

}  // namespace llm::core
