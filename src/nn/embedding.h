// Token embedding whose gradient goes straight into the table's preset .grad, touching only the
// rows that were used.
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::nn {

// ids [T] int32, table [V, D] -> [T, D]. Requires: every id in [0, V).
at::Tensor embed(const at::Tensor& ids, const at::Tensor& table);

}  // namespace llm::nn
