// What generation needs from a model: one growing sequence and the logits of its next token.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "llm/nn/causal_lm.h"

namespace llm::generate {

// Not thread-safe.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual int64_t context_length() const = 0;           // the most tokens it can hold
  virtual const std::vector<int32_t>& ids() const = 0;  // the tokens it has seen
  // Forgets everything after the first `length` tokens.
  virtual void truncate(int64_t length) = 0;
  // Both append. Requires: at least one id; ids().size() + ids.size() <= context_length(). Throws:
  // DataError for an id outside the vocabulary.
  virtual void append(const std::vector<int32_t>& ids) = 0;
  // Logits of the token that follows: fp32, contiguous, in host memory.
  virtual at::Tensor next_logits(const std::vector<int32_t>& ids) = 0;  // -> [V]
};

// A CausalLM with a KV cache of its own, in the dtype and on the device of its weights. `model`
// must outlive it. Throws: ConfigError when `context_length` exceeds what the model was trained
// for, unless its rotary embedding grows with the length (dynamic NTK).
std::unique_ptr<LanguageModel> make_language_model(nn::CausalLM& model, int64_t context_length);

}  // namespace llm::generate
