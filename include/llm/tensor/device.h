// Device and dtype choice.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "llm/io/safetensors.h"

namespace llm::tensor {

// "auto" (CUDA when present, else CPU), "cpu", "cuda", "cuda:N". Throws: ConfigError for another
// word or an absent device.
at::Device parse_device(const std::string& text);
// Number of CUDA devices of this build and machine; 0 without either.
int cuda_device_count();

at::ScalarType to_scalar_type(io::TensorDtype dtype);
io::TensorDtype to_tensor_dtype(at::ScalarType type);

// A tensor over a safetensors entry's bytes without copying. Requires: the file outlives the
// tensor, which is read-only.
at::Tensor view_of(const io::SafetensorsFile& file, const io::TensorEntry& entry);

// Sets LibTorch's thread count; 0 keeps it. Returns the count in force.
int set_num_threads(int num_threads);

}  // namespace llm::tensor
