// Exceptions to exit codes (docs/design.md section 8) and to messages.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "llm/core/error.h"

namespace llm::apps {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;  // command line or configuration
inline constexpr int kExitData = 3;   // data or file format, or no room to write it
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitTerminated = 143;  // ended by SIGTERM before anything could be saved

// Thrown by a command whose bad news is told elsewhere, by its printed result (a failed
// verification) or by another rank: an exit code and no message.
struct AlreadyTold {
  int exit_code = kExitFailure;
};

// What a foreign library's exception means to a person.
struct TranslatedError {
  const char* kind = "failure";  // "memory" and the others of ErrorReporter
  std::string message;
};
// Nothing for an exception it does not know.
using ErrorTranslator = std::function<std::optional<TranslatedError>(const std::exception&)>;

// An error as a person gets it.
struct DescribedError {
  const char* kind = "failure";
  int exit_code = kExitFailure;
  std::string message;
  std::optional<core::ErrorInfo> info = {};  // of the typed errors
};

// Writes "PROGRAM: error: MESSAGE" on stderr; with `json` also, on stdout,
//   {"error": {"kind": K, "exit_code": N, "message": M, "where": W, "expected": E, "got": G,
//              "hint": H}}
// where the last four are there for the typed errors of llm/core/error.h. An interruption is
// written as "PROGRAM: interrupted NOTE"; see interrupt.h.
struct ErrorReporter {
  std::string program;
  bool json = false;
  ErrorTranslator translate = {};

  int report_usage(const std::string& message) const;
  // Requires: called while an exception is handled. Returns the exit code.
  int report_current_exception() const;
  // Without telling anybody. Requires: as above.
  DescribedError describe_current_exception() const;
  int report(const DescribedError& error) const;

 private:
  DescribedError describe_foreign(const std::exception& error) const;
};

}  // namespace llm::apps
