#include "llm/tensor/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::tensor {

namespace {

core::ConfigError device_error(const std::string& text, const std::string& hint) {
  return core::ConfigError({"--device", "auto, cpu, cuda or cuda:N", '"' + text + '"', hint});
}

at::Device cuda_device(const std::string& text, int index) {
  const int count = cuda_device_count();
  if (count == 0) {
    throw device_error(
        text, "No CUDA device is usable here (no NVIDIA driver, or a build without CUDA). Use cpu");
  }
  if (index >= count) {
    throw device_error(text,
                       fmt::format("This machine has {} CUDA device(s), numbered from 0", count));
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace

int cuda_device_count() {
  return at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
}

at::Device parse_device(const std::string& text) {
  if (text == "cpu") return at::kCPU;
  if (text == "auto")
    return cuda_device_count() > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (text == "cuda") return cuda_device(text, 0);
  const std::string prefix = "cuda:";
  if (text.starts_with(prefix)) {
    const std::string digits = text.substr(prefix.size());
    if (!digits.empty() && digits.size() < 4 &&
        digits.find_first_not_of("0123456789") == std::string::npos) {
      return cuda_device(text, std::stoi(digits));
    }
  }
  throw device_error(text, "");
}

at::ScalarType to_scalar_type(io::TensorDtype dtype) {
  switch (dtype) {
    case io::TensorDtype::kF64:
      return at::kDouble;
    case io::TensorDtype::kF32:
      return at::kFloat;
    case io::TensorDtype::kF16:
      return at::kHalf;
    case io::TensorDtype::kBF16:
      return at::kBFloat16;
    case io::TensorDtype::kF8E4M3:
      return at::kFloat8_e4m3fn;
    case io::TensorDtype::kF8E5M2:
      return at::kFloat8_e5m2;
    case io::TensorDtype::kI64:
      return at::kLong;
    case io::TensorDtype::kI32:
      return at::kInt;
    case io::TensorDtype::kI16:
      return at::kShort;
    case io::TensorDtype::kI8:
      return at::kChar;
    case io::TensorDtype::kU8:
      return at::kByte;
    case io::TensorDtype::kBool:
      return at::kBool;
  }
  LLM_CHECK(false, "dtype {}", static_cast<int>(dtype));
  return at::kFloat;
}

io::TensorDtype to_tensor_dtype(at::ScalarType type) {
  for (int i = 0; i <= static_cast<int>(io::TensorDtype::kBool); ++i) {
    const auto dtype = static_cast<io::TensorDtype>(i);
    if (to_scalar_type(dtype) == type) return dtype;
  }
  LLM_CHECK(false, "safetensors has no type {}", c10::toString(type));
  return io::TensorDtype::kF32;
}

at::Tensor view_of(const io::SafetensorsFile& file, const io::TensorEntry& entry) {
  const auto bytes = file.bytes(entry);
  return at::from_blob(const_cast<std::byte*>(bytes.data()), entry.shape,
                       at::TensorOptions().dtype(to_scalar_type(entry.dtype)));
}

int set_num_threads(int num_threads) {
  if (num_threads > 0) at::set_num_threads(num_threads);
  return at::get_num_threads();
}

}  // namespace llm::tensor
