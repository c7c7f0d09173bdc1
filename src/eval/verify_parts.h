// The parts of verify_models. Each returns its rows.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/convert/generation_config.h"
#include "llm/convert/weight_files.h"
#include "llm/eval/verify.h"
#include "llm/text/tokenizer.h"

namespace llm::eval {

struct VerifySide {
  std::filesystem::path directory;
  arch::ModelConfig config;
  std::unique_ptr<convert::WeightFiles> weights;
  std::shared_ptr<const text::Tokenizer> tokenizer;  // null when there is none
  convert::GenerationConfig generation;
  std::string chat_template;
};

// Passes when both texts are equal.
VerifyRow compare_text(const std::string& check, const std::string& source,
                       const std::string& result);

std::vector<VerifyRow> verify_config(const VerifySide& source, const VerifySide& result);
std::vector<VerifyRow> verify_text(const VerifySide& source, const VerifySide& result);
std::vector<VerifyRow> verify_weights(const VerifySide& source, const VerifySide& result);
std::vector<VerifyRow> verify_forward(const VerifySide& source, const VerifySide& result,
                                      const VerifyOptions& options);

// English, Korean, code, digits, runs of spaces, emoji and decomposed characters.
const std::vector<std::string>& fixed_texts();

}  // namespace llm::eval
