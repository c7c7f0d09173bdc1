#include "llm/kernels/linear.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/gemm.h"
#include "kernels/low_rank.h"
#include "kernels/path.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_shapes(const at::Tensor& x, const LinearWeight& weight) {
  LLM_CHECK(weight.quantized ? !weight.weight.defined() : weight.weight.dim() == 2);
  LLM_CHECK(x.dim() == 2 && x.size(1) == weight.in_features(), "x has {} columns, the weight {}",
            x.size(-1), weight.in_features());
  LLM_CHECK(!weight.bias.defined() || weight.bias.numel() == weight.out_features());
  for (const LowRankUpdate& update : weight.updates) {
    LLM_CHECK(update.a.dim() == 2 && update.b.dim() == 2 && update.a.size(1) == x.size(1) &&
                  update.a.size(0) == update.b.size(1) && update.row >= 0 &&
                  update.row + update.b.size(0) <= weight.out_features(),
              "an update of {} x {} and {} x {} at row {} of a weight of {} x {}", update.b.size(0),
              update.b.size(1), update.a.size(0), update.a.size(1), update.row,
              weight.out_features(), weight.in_features());
  }
}

at::Tensor forward_product(const at::Tensor& x, const LinearWeight& weight) {
  return weight.quantized ? product_transposed(x, *weight.quantized, weight.bias)
                          : product_transposed(x, weight.weight, weight.bias);
}

at::Tensor input_gradient(const at::Tensor& dy, const LinearWeight& weight) {
  return weight.quantized ? product(dy, *weight.quantized) : product(dy, weight.weight);
}

// What the autograd node needs besides tensors that are inputs of the graph.
struct LinearCall : torch::CustomClassHolder {
  LinearCall(const LinearWeight& w, const NoiseContext& n) : weight(w), noise(n) {}
  LinearWeight weight;
  NoiseContext noise;
};

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  // `leaves`: weight and bias where there are such, then A and B of each update.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            at::TensorList /*leaves*/, const c10::intrusive_ptr<LinearCall>& call) {
    context->save_for_backward({x});
    context->saved_data["call"] = at::IValue::make_capsule(call);
    return linear_forward(x, call->weight, call->noise);
  }

  // A parameter with a preset .grad gets its gradient there; autograd is handed nothing for it.
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::NoGradGuard no_grad;
    const auto call =
        c10::static_intrusive_pointer_cast<LinearCall>(context->saved_data["call"].toCapsule());
    const at::Tensor x = context->get_saved_variables()[0];
    const LinearWeight& weight = call->weight;
    const at::Tensor& dy = grads[0];
    variable_list result(1);
    if (context->needs_input_grad(0)) result[0] = input_gradient(dy, weight);
    if (weight.weight.defined()) result.push_back(weight_gradient(weight.weight, dy, x));
    if (weight.bias.defined()) result.push_back(bias_gradient(weight.bias, dy));
    for (const LowRankUpdate& update : weight.updates) {
      const LowRankGradients part = low_rank_backward(dy, x, update, call->noise, result[0]);
      result.push_back(part.a);
      result.push_back(part.b);
    }
    result.emplace_back();  // of the call
    return result;
  }

  static at::Tensor weight_gradient(const at::Tensor& weight, const at::Tensor& dy,
                                    const at::Tensor& x) {
    if (!weight.requires_grad()) return {};
    if (!has_gradient_buffer(weight)) return at::mm(dy.t(), x);
    add_weight_gradient_(weight.grad(), dy, x);
    return {};
  }

  static at::Tensor bias_gradient(const at::Tensor& bias, const at::Tensor& dy) {
    if (!bias.requires_grad()) return {};
    if (!has_gradient_buffer(bias)) return dy.sum(0);
    bias.grad().add_(dy.sum(0));
    return {};
  }
};

at::Tensor linear_reference(const at::Tensor& x, const LinearWeight& weight,
                            const NoiseContext& noise) {
  const at::Tensor w =
      weight.quantized ? weight.quantized->read_rows(0, weight.quantized->rows()) : weight.weight;
  at::Tensor y = at::matmul(x, w.to(x.scalar_type()).t());
  if (weight.bias.defined()) y = y + weight.bias.to(x.scalar_type());
  for (const LowRankUpdate& update : weight.updates) {
    const at::Tensor part = low_rank_reference(x, update, noise).to(y.scalar_type());
    const int64_t after = y.size(1) - update.row - part.size(1);
    y = y + at::constant_pad_nd(part, {update.row, after});
  }
  return y;
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const LinearWeight& weight, const NoiseContext& noise) {
  check_shapes(x, weight);
  if (path_for({x}) == Path::kReference) return linear_reference(x, weight, noise);
  std::vector<at::Tensor> leaves;
  if (weight.weight.defined()) leaves.push_back(weight.weight);
  if (weight.bias.defined()) leaves.push_back(weight.bias);
  for (const LowRankUpdate& update : weight.updates) {
    leaves.push_back(update.a);
    leaves.push_back(update.b);
  }
  return LinearFunction::apply(x, at::TensorList(leaves),
                               c10::make_intrusive<LinearCall>(weight, noise));
}

at::Tensor linear_forward(const at::Tensor& x, const LinearWeight& weight,
                          const NoiseContext& noise) {
  check_shapes(x, weight);
  const at::NoGradGuard no_grad;
  const at::Tensor y = forward_product(x, weight);
  for (const LowRankUpdate& update : weight.updates) add_low_rank_(y, x, update, noise);
  return y;
}

at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const LinearWeight& weight,
                           const NoiseContext& noise) {
  check_shapes(x, weight);
  LLM_CHECK(dy.dim() == 2 && dy.size(0) == x.size(0) && dy.size(1) == weight.out_features());
  const at::NoGradGuard no_grad;
  if (weight.weight.defined() && weight.weight.grad().defined())
    add_weight_gradient_(weight.weight.grad(), dy, x);
  if (weight.bias.defined() && weight.bias.grad().defined()) weight.bias.grad().add_(dy.sum(0));
  const at::Tensor dx = input_gradient(dy, weight);
  for (const LowRankUpdate& update : weight.updates) low_rank_backward(dy, x, update, noise, dx);
  return dx;
}

}  // namespace llm::kernels
