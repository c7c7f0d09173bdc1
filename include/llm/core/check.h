// Checks of contracts between parts of the program. A failed check is a bug in llmtrain, never a
// user's mistake: those are the exceptions of error.h.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace llm::core {

class ContractViolation : public std::logic_error {
  using std::logic_error::logic_error;
};

inline std::string check_message() { return {}; }
template <class... Args>
std::string check_message(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}

[[noreturn]] void fail_check(const char* file, int line, const char* condition,
                             const std::string& message);

}  // namespace llm::core

// LLM_CHECK(condition) or LLM_CHECK(condition, "format {}", args...). Always on; throws
// ContractViolation.
#define LLM_CHECK(condition, ...)                                       \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::llm::core::fail_check(__FILE__, __LINE__, #condition,           \
                              ::llm::core::check_message(__VA_ARGS__)); \
  } while (false)

// For hot paths: off in release builds.
#ifdef NDEBUG
#define LLM_DCHECK(condition, ...) \
  do {                             \
  } while (false)
#else
#define LLM_DCHECK(condition, ...) LLM_CHECK(condition __VA_OPT__(, ) __VA_ARGS__)
#endif
