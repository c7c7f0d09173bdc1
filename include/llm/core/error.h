// Typed exceptions for user, data and configuration problems. Broken contracts inside the program
// are LLM_CHECK (check.h).
//
// Every message answers four questions: where, what was expected, what was found, what to do.
// Programs map the type to the exit code of docs/design.md section 8 (apps/common); the library
// itself never prints and never exits.
#pragma once

#include <stdexcept>
#include <string>

namespace llm::core {

struct ErrorInfo {
  std::string where;     // file:line:column, a dotted key, a tensor name; never empty
  std::string expected;  // what would have been right; may be empty when `got` says it all
  std::string got;       // what was found
  std::string hint;      // what to do about it; may be empty
};

// "where: expected E, got G. Hint"
std::string format_error(const ErrorInfo& info);

class Error : public std::runtime_error {
 public:
  explicit Error(ErrorInfo info) : std::runtime_error(format_error(info)), info_(std::move(info)) {}
  const ErrorInfo& info() const { return info_; }

 private:
  ErrorInfo info_;
};

// A setting the user wrote: run config, command line, model config. Exit code 2.
class ConfigError : public Error {
  using Error::Error;
};
// Content of training data or text input. Exit code 3.
class DataError : public Error {
  using Error::Error;
};
// A file that is not what its format demands: truncated, corrupt, of another version. Exit code 3.
class FormatError : public Error {
  using Error::Error;
};
// The operating system said no: missing file, no space, no permission. Exit code 2 for a path that
// is wrong, 3 for a full disk, else 1.
class IoError : public Error {
 public:
  IoError(ErrorInfo info, int error_number) : Error(std::move(info)), error_number_(error_number) {}
  int error_number() const { return error_number_; }  // errno, or 0

 private:
  int error_number_;
};
// A computation that left the finite numbers: loss or gradient is NaN or infinite. Exit code 1.
class NumericError : public Error {
  using Error::Error;
};
// A peer process that failed or did not answer. Exit code 1.
class DistError : public Error {
  using Error::Error;
};
// Another rank failed and says why itself, so that nobody else needs to. Exit code 1.
class PeerError : public DistError {
  using DistError::DistError;
};

}  // namespace llm::core
