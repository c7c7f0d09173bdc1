// Values of tokens summed over the documents of a batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "llm/data/batch.h"

namespace llm::objectives {

// Which document each token of the batch belongs to. Returns [T] int64, on the batch's device.
at::Tensor document_of_token(const data::Batch& batch);

// [M] -> [num_documents]; `documents` [M] says where each value belongs. Differentiable.
at::Tensor sum_by_document(const at::Tensor& values, const at::Tensor& documents,
                           const data::Batch& batch);

// [N] fp64 -> the same on the host.
std::vector<double> host_values(const at::Tensor& values);

}  // namespace llm::objectives
