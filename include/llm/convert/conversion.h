// One model on disk made into another behind a gate: the result is built beside its final name and
// takes that name only after the gate passed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "llm/convert/model_source.h"
#include "llm/io/json.h"

namespace llm::convert {

struct Conversion {
  std::filesystem::path from;
  std::filesystem::path out;
  ModelFormat to = ModelFormat::kHuggingFace;  // a directory, or one file
  bool force = false;                          // replace an existing model
  // How `from` is opened. A base for a model that is no adapter is a ConfigError.
  OpenOptions open = {};
};

// Makes `out`, which does not exist yet. A ModelWriter is write_hugging_face, write_gguf or
// write_adapter with its options bound.
using ModelWriter =
    std::function<void(const ModelSource& source, const std::filesystem::path& out)>;

struct GateReport {
  bool passed = false;
  io::OrderedJson report;
};
// Judges a result against its source, for example eval::verify_models.
using ConversionGate = std::function<GateReport(const std::filesystem::path& source,
                                                const std::filesystem::path& result)>;

struct ConversionResult {
  std::filesystem::path path;    // OUT, or OUT.failed
  std::filesystem::path report;  // of a refused result: beside a file, inside a directory
  GateReport gate;
};

// Opens `from`, which must hold exactly the tensors of its config, has the writer make OUT.partial
// (and the folders above it that are missing), asks the gate, renames to OUT. A result that the
// gate refuses stays as OUT.failed with the gate's report. On any exception OUT.partial and those
// folders are removed and OUT is untouched. Throws: ConfigError when OUT exists and `force` is off,
// when it exists and is no model of that kind, or when it is `from` itself; what open_model,
// require_exact_weights, the writer and the gate throw; IoError.
ConversionResult convert_model(const Conversion& conversion, const ModelWriter& write,
                               const ConversionGate& gate);

struct HuggingFaceOptions {
  std::optional<at::ScalarType> dtype;  // empty: the source's (the widest where it has several)
  int64_t max_shard_bytes = int64_t{5} << 30;
};
// A model directory. Hugging Face's tokenizer files are copied byte for byte.
void write_hugging_face(const ModelSource& source, const std::filesystem::path& out,
                        const HuggingFaceOptions& options = {});

}  // namespace llm::convert
