#include "arch/problems.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "llm/core/error.h"

namespace llm::arch {

void Problems::add(const std::string& key, const std::string& what, const std::string& fix) {
  lines_.push_back(fmt::format("{}: {}. {}", key, what, fix));
}

void Problems::throw_if_any(const std::string& where, const std::string& expected) const {
  if (lines_.empty()) return;
  const std::string got =
      lines_.size() == 1 ? "1 problem" : fmt::format("{} problems", lines_.size());
  throw core::ConfigError(
      {where, expected, fmt::format("{}:\n  {}", got, fmt::join(lines_, "\n  ")), ""});
}

}  // namespace llm::arch
