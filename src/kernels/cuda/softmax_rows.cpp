#include "kernels/cuda/softmax_rows.h"

#include "kernels/cuda/glue.h"
#include "kernels/cuda/softmax_rows_kernels.h"

namespace llm::kernels::cuda {
namespace {

template <class T>
T* pointer_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

SoftmaxLaunch launch_for(const LogitRows& rows) {
  SoftmaxLaunch launch{};
  launch.logits = rows.logits.data_ptr<float>();
  launch.targets = rows.targets.const_data_ptr<int64_t>();
  launch.rows = rows.logits.size(0);
  launch.width = rows.logits.size(1);
  return launch;
}

void add_statistics(SoftmaxLaunch& launch, const RowStatistics& out) {
  launch.logprob = out.logprob.data_ptr<float>();
  launch.lse = pointer_or_null<float>(out.lse);
  launch.entropy = pointer_or_null<float>(out.entropy);
  launch.hits = pointer_or_null<bool>(out.hits);
}

// The gradient's rows start where the logits' rows start.
at::Tensor gradient_view(const at::Tensor& logits, at::ScalarType type) {
  return type == at::kFloat ? logits : logits.view(type).narrow(1, 0, logits.size(1));
}

Type gradient_type(at::ScalarType type) {
  LLM_CHECK(type == at::kFloat || type == at::kBFloat16);
  return type == at::kFloat ? Type::kFloat : Type::kBFloat16;
}

}  // namespace

void softmax_statistics(const LogitRows& rows, const RowStatistics& out) {
  SoftmaxLaunch launch = launch_for(rows);
  add_statistics(launch, out);
  start(rows.logits, launch_softmax_rows, launch);
}

at::Tensor softmax_gradient_(const LogitRows& rows, const at::Tensor& lse,
                             const at::Tensor& coefficients, at::ScalarType type) {
  SoftmaxLaunch launch = launch_for(rows);
  launch.lse = lse.data_ptr<float>();
  launch.with_gradient = true;
  launch.gradient_type = gradient_type(type);
  launch.coefficients = coefficients.const_data_ptr<float>();
  start(rows.logits, launch_softmax_rows, launch);
  return gradient_view(rows.logits, type);
}

at::Tensor softmax_scaled_gradient_(const LogitRows& rows, const RowStatistics& out,
                                    double coefficient, at::ScalarType type) {
  SoftmaxLaunch launch = launch_for(rows);
  add_statistics(launch, out);
  launch.with_gradient = true;
  launch.gradient_type = gradient_type(type);
  launch.coefficient = static_cast<float>(coefficient);
  start(rows.logits, launch_softmax_rows, launch);
  return gradient_view(rows.logits, type);
}

}  // namespace llm::kernels::cuda
