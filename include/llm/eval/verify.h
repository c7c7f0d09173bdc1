// The gate behind every conversion: is one model a faithful copy of another, whatever the formats?
//
// The result may store its weights in other types than the source. Then every tensor must equal the
// source's, rounded to that dtype, bit for bit; quantised blocks must decode to within what their
// type may cost, and the perplexity of fixed texts may drift by no more than that type allows. All
// else must be equal: config fields, parameter counts (by formula and in the files), tensor names,
// the text of every token, tokenizer ids on fixed texts, special ids, chat template, file size
// against types, logits on fixed prompts, greedy continuations.
//
// Tensors are compared one at a time from the mapped files, and the forward pass holds one layer of
// one model in memory, so models larger than the memory can be compared.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/convert/model_source.h"
#include "llm/io/json.h"

namespace llm::eval {

struct VerifyOptions {
  at::Device device = at::kCPU;
  int64_t prompt_tokens = 32;      // of each fixed prompt
  int64_t greedy_tokens = 16;      // continued after each
  double logit_tolerance = 1e-4;   // largest absolute difference, both computed in fp32
  convert::OpenOptions open = {};  // how either is opened
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

// Both may be anything convert::open_model takes. Throws: what it throws for either; IoError and
// FormatError for files that cannot be read: then nothing is compared; ConfigError for a base in
// options.open when neither is an adapter. Tensors that do not fit their config are failed rows.
VerifyReport verify_models(const std::filesystem::path& source, const std::filesystem::path& result,
                           const VerifyOptions& options = {});

// Whether the second of two adapter directories holds the adapter of the first, stored in its own
// dtype: configs (but for the base's path) and tensors. Throws: as verify_models; ConfigError for
// what is no adapter.
VerifyReport verify_adapters(const std::filesystem::path& source,
                             const std::filesystem::path& result,
                             const VerifyOptions& options = {});

const char* verdict_name(Verdict verdict);  // "pass", "FAIL", "note"
io::OrderedJson to_json(const VerifyReport& report);

}  // namespace llm::eval
