// The parts of verify_models. Each returns its rows.
#pragma once

#include <string>
#include <vector>

#include "llm/convert/model_source.h"
#include "llm/eval/verify.h"

namespace llm::eval {

using VerifySide = convert::ModelSource;

// Passes when both texts are equal.
VerifyRow compare_text(const std::string& check, const std::string& source,
                       const std::string& result);

std::vector<VerifyRow> verify_config(const VerifySide& source, const VerifySide& result);
std::vector<VerifyRow> verify_text(const VerifySide& source, const VerifySide& result);
std::vector<VerifyRow> verify_weights(const VerifySide& source, const VerifySide& result);
std::vector<VerifyRow> verify_forward(const VerifySide& source, const VerifySide& result,
                                      const VerifyOptions& options);

// In the place of verify_forward.
VerifyRow forward_not_run(const std::string& reason);

// What a quantised type may cost, for judging a result that holds such blocks.
struct QuantizationBound {
  double relative_rmse = 0;     // ||decoded - source|| / ||source|| of one tensor
  double perplexity_drift = 0;  // perplexity of the result over the source's, minus 1
};
QuantizationBound quantization_bound(const convert::StoredTensor& tensor);

// English, Korean, code, digits, runs of spaces, emoji and decomposed characters.
const std::vector<std::string>& fixed_texts();

}  // namespace llm::eval
