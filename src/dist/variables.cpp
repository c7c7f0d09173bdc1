#include "dist/variables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "llm/core/error.h"

namespace llm::dist {

std::optional<std::string> Variables::get(const std::string& name) const {
  std::optional<std::string> value = getter_(name);
  return value && !value->empty() ? value : std::nullopt;
}

std::optional<std::string> Variables::first_of(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (auto value = get(name)) return value;
  }
  return {};
}

int Variables::number(const std::string& name) const {
  const std::string text = get(name).value_or("");
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) {
    throw core::ConfigError({"environment variable " + name, "a whole number from 0",
                             '"' + text + '"',
                             "Launchers set it; unset it if it is left from something else"});
  }
  return value;
}

int Variables::number_or(const std::string& name, int absent) const {
  return get(name) ? number(name) : absent;
}

bool Variables::has_all(const std::vector<std::string>& names, const std::string& launcher) const {
  std::vector<std::string> present, absent;
  for (const std::string& name : names) (get(name) ? present : absent).push_back(name);
  if (!absent.empty() && get(names.front())) remember_incomplete(launcher, present, absent);
  return absent.empty();
}

void Variables::remember_incomplete(const std::string& launcher,
                                    const std::vector<std::string>& present,
                                    const std::vector<std::string>& absent) const {
  if (!incomplete_) incomplete_ = Incomplete{launcher, present, absent};
}

void Variables::refuse_incomplete() const {
  if (!incomplete_) return;
  const std::string got = incomplete_->absent.empty()
                              ? fmt::format("{} alone", fmt::join(incomplete_->present, ", "))
                              : fmt::format("{} without {}", fmt::join(incomplete_->present, ", "),
                                            fmt::join(incomplete_->absent, ", "));
  throw core::ConfigError(
      {"environment of " + incomplete_->launcher, "rank and number of ranks", got,
       "Start the ranks with mpirun, srun, torchrun or llmtrain --ranks, or unset the variables "
       "for a single process"});
}

void require_below(const std::string& rank_name, int rank, const std::string& size_name, int size) {
  if (rank < size) return;
  throw core::ConfigError({fmt::format("environment variables {} and {}", rank_name, size_name),
                           "a rank below the number of ranks",
                           fmt::format("rank {} of {}", rank, size),
                           "They may be left from two different launches; unset them"});
}

}  // namespace llm::dist
