#include <cstddef>
#include <cstdint>

#include "messages_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  llm::fuzz::messages({reinterpret_cast<const char*>(data), size});
  return 0;
}
