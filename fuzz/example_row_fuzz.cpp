#include <cstddef>
#include <cstdint>

#include "example_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  llm::fuzz::example_row({reinterpret_cast<const char*>(data), size});
  return 0;
}
