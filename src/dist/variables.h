// Environment variables of launchers: numbers with errors that name them, and the memory of a set
// that was begun but is not whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llm/dist/launch.h"

namespace llm::dist {

class Variables {
 public:
  explicit Variables(const VariableGetter& getter) : getter_(getter) {}

  // nullopt also for an empty value.
  std::optional<std::string> get(const std::string& name) const;
  std::optional<std::string> first_of(const std::vector<std::string>& names) const;
  // A whole number from 0. Requires: the variable is there. Throws: ConfigError.
  int number(const std::string& name) const;
  int number_or(const std::string& name, int absent) const;

  // Whether the whole set is there. The first of `names` tells that its launcher is at work: where
  // it is there and others are not, that is remembered.
  bool has_all(const std::vector<std::string>& names, const std::string& launcher) const;
  void remember_incomplete(const std::string& launcher, const std::vector<std::string>& present,
                           const std::vector<std::string>& absent) const;
  // Throws: ConfigError about the first set that was remembered, if any.
  void refuse_incomplete() const;

 private:
  struct Incomplete {
    std::string launcher;
    std::vector<std::string> present, absent;
  };
  const VariableGetter& getter_;
  mutable std::optional<Incomplete> incomplete_;
};

// Throws: ConfigError unless 0 <= rank < size.
void require_below(const std::string& rank_name, int rank, const std::string& size_name, int size);

}  // namespace llm::dist
