// Token embedding whose gradient goes straight into the table's preset .grad, touching only the
// rows that were used, and the noise that training may add to it.
#pragma once

#include <ATen/core/Tensor.h>

#include "llm/nn/causal_lm.h"

namespace llm::nn {

// ids [T] int32, table [V, D] -> [T, D] of `type`. Requires: every id in [0, V).
at::Tensor embed(const at::Tensor& ids, const at::Tensor& table, at::ScalarType type);

// NEFTune as ModelInput states it: x [T, D] += U(-1, 1) * alpha / sqrt(L D). Requires:
// input.noise.on().
void add_neftune_(const at::Tensor& x, const ModelInput& input);

}  // namespace llm::nn
