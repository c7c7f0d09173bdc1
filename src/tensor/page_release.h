// Large zeroed buffers whose pages the system can take back and hand out zeroed again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::tensor {

// A flat zero tensor. On CPU it is an anonymous mapping: pages cost memory once they are written.
at::Tensor allocate_pages(int64_t numel, at::ScalarType dtype, at::Device device);

// Sets every element to zero. On CPU the pages are given back to the system; elsewhere this is
// zero_(). Requires: `flat` came from allocate_pages.
void zero_pages(const at::Tensor& flat);

}  // namespace llm::tensor
