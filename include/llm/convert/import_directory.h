// Import of a foreign Hugging Face directory into our canonical form, behind a gate: the result is
// built beside its final name and takes that name only after the gate passed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "llm/io/json.h"

namespace llm::convert {

struct ImportOptions {
  std::filesystem::path from;
  std::filesystem::path out;
  std::optional<at::ScalarType> dtype;  // empty: the source's (the widest where it has several)
  int64_t max_shard_bytes = int64_t{5} << 30;
  bool force = false;   // replace an existing model directory
  bool strict = false;  // unknown config keys are errors
};

struct GateReport {
  bool passed = false;
  io::OrderedJson report;
};
// Judges a result against its source, for example eval::verify_models.
using ImportGate = std::function<GateReport(const std::filesystem::path& source,
                                            const std::filesystem::path& result)>;

struct ImportResult {
  std::filesystem::path directory;  // OUT, or OUT.failed
  GateReport gate;
};

// Reads `from` strictly (config, weights, tokenizer), writes OUT.partial tensor by tensor, asks the
// gate, renames to OUT. A result that the gate refuses stays as OUT.failed with the gate's report
// in import_report.json. On any exception OUT.partial is removed and OUT is untouched.
// Throws: ConfigError when OUT exists and `force` is off, when it exists and is no model directory,
// or when it is `from` itself; what load_model throws; IoError.
ImportResult import_directory(const ImportOptions& options, const ImportGate& gate);

}  // namespace llm::convert
