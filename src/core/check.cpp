#include "llm/core/check.h"

namespace llm::core {

void fail_check(const char* file, int line, const char* condition, const std::string& message) {
  throw ContractViolation(
      fmt::format("{}:{}: broken contract: {}{}{} (a bug in llmtrain, please report it)", file,
                  line, condition, message.empty() ? "" : ": ", message));
}

}  // namespace llm::core
