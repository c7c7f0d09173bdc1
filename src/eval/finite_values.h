// NaN and infinities among the weights: a copy of them may be faithful, and is no model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "llm/eval/verify.h"

namespace llm::eval {

inline constexpr const char* kFiniteCheck = "finite values";

struct NonFinite {
  int64_t num_nan = 0;
  int64_t num_infinite = 0;

  void add(const at::Tensor& values);
  bool any() const { return num_nan + num_infinite > 0; }
};

// By name of the tensor; only those that have some.
using NonFiniteTensors = std::vector<std::pair<std::string, NonFinite>>;

// Fails where either has some, and says where, how many, and what to do.
VerifyRow finite_row(const NonFiniteTensors& source, const NonFiniteTensors& result);

// Equal in shape and in every element; NaN equals NaN. Requires: the same type.
bool same_values(const at::Tensor& a, const at::Tensor& b);

}  // namespace llm::eval
