#include "arch_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  llm::fuzz::model_config({reinterpret_cast<const char*>(data), size});
  return 0;
}
