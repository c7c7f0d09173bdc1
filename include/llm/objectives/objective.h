// A training objective as a list of terms, each a sum over the global batch with a weight (design
// section 1.3):
//   loss = sum over terms of coefficient * (sum over micro-batches and ranks of `sum`) / (the same
//   of `weight`).
// Objectives return sums; the trainer alone normalises. So accumulation, packing and world size
// cannot change the result.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llm/data/batch.h"
#include "llm/nn/causal_lm.h"

namespace llm::objectives {

struct Term {
  std::string name;
  double coefficient = 1;
};

// A metric that averages correctly over micro-batches and ranks: sum / weight.
struct MetricSum {
  at::Tensor sum;  // [] on the model's device
  double weight = 0;
};

// One held-out sample, a document or a pair, as an evaluation found it: what statistics over
// samples are made of.
struct SampleScore {
  int64_t sample = 0;  // its index among all samples
  int64_t source = 0;  // index into the run's sources
  double nll = 0;      // nats, summed over its trained targets; of a pair, over the chosen answer's
  double num_targets = 0;  // how many those are
  // Of pairs: l(y_w) - l(y_l), and whether the chosen answer has the larger reward.
  std::optional<double> margin;
  std::optional<bool> is_correct;
};

struct Result {
  std::vector<at::Tensor> term_sums;  // [] fp32 each, unscaled, in the order of terms()
  std::map<std::string, MetricSum> metrics;
  std::vector<SampleScore> samples;  // of evaluations of examples
  // Training: call autograd::backward(root, root_gradient) to finish. The gradient already holds
  // the scales.
  at::Tensor root;
  at::Tensor root_gradient;
};

class Objective {
 public:
  virtual ~Objective() = default;
  virtual std::vector<Term> terms() const = 0;
  // Each term's weight, from the batch alone and on the host.
  virtual std::vector<double> weights(const data::Batch& batch) const = 0;
  // `scales[i]` = coefficient_i / global weight_i, or 0 where that weight is 0.
  virtual Result compute(nn::CausalLM& model, const data::Batch& batch,
                         std::span<const double> scales) = 0;
  // The same sums without gradients.
  virtual Result evaluate(nn::CausalLM& model, const data::Batch& batch) = 0;
};

nn::ModelInput model_input(const data::Batch& batch);

}  // namespace llm::objectives
