#include "llm/core/error.h"

namespace llm::core {

std::string format_error(const ErrorInfo& info) {
  std::string message = info.where;
  if (!info.expected.empty()) message += ": expected " + info.expected;
  if (!info.got.empty()) message += (info.expected.empty() ? ": " : ", got ") + info.got;
  if (!info.hint.empty()) message += ". " + info.hint;
  return message;
}

}  // namespace llm::core
