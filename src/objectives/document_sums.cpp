#include "objectives/document_sums.h"

#include <ATen/ATen.h>

namespace llm::objectives {

at::Tensor document_of_token(const data::Batch& batch) {
  const std::vector<int64_t> lengths(batch.document_lengths.begin(), batch.document_lengths.end());
  return at::repeat_interleave(at::tensor(lengths, at::kLong)).to(batch.ids.device());
}

at::Tensor sum_by_document(const at::Tensor& values, const at::Tensor& documents,
                           const data::Batch& batch) {
  return at::zeros({batch.num_documents}, values.options()).index_add(0, documents, values);
}

std::vector<double> host_values(const at::Tensor& values) {
  const at::Tensor host = values.cpu();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

}  // namespace llm::objectives
