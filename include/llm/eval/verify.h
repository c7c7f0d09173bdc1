// The gate behind every conversion: is one model directory a faithful copy of another?
//
// The result may store its weights in another dtype than the source; then every tensor must equal
// the source's, rounded to that dtype, bit for bit. All else must be equal: config fields,
// parameter counts (by formula and in the files), tensor names, tokenizer ids on fixed texts,
// special ids, chat template, file size against dtype, logits on fixed prompts, greedy
// continuations.
//
// Tensors are compared one at a time from the mapped files; for the forward pass one model is in
// memory at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/io/json.h"

namespace llm::eval {

struct VerifyOptions {
  at::Device device = at::kCPU;
  int64_t prompt_tokens = 32;     // of each fixed prompt
  int64_t greedy_tokens = 16;     // continued after each
  double logit_tolerance = 1e-4;  // largest absolute difference, both computed in fp32
};

enum class Verdict {
  kPass,
  kFail,
  kNote  // a difference that changes no output, or a measurement
};

struct VerifyRow {
  std::string check;
  Verdict verdict = Verdict::kPass;
  std::string source = {};  // what the source has
  std::string result = {};  // what the result has
  std::string note = {};
};

struct VerifyReport {
  std::filesystem::path source;
  std::filesystem::path result;
  std::vector<VerifyRow> rows;
  bool passed() const;
};

// Both may be anything convert::resolve_model_directory takes. Throws: what it and
// arch::read_model_config throw for either; IoError and FormatError for files that cannot be read:
// then nothing is compared. Tensors that do not fit their config are failed rows.
VerifyReport verify_models(const std::filesystem::path& source, const std::filesystem::path& result,
                           const VerifyOptions& options = {});

const char* verdict_name(Verdict verdict);  // "pass", "FAIL", "note"
io::OrderedJson to_json(const VerifyReport& report);

}  // namespace llm::eval
