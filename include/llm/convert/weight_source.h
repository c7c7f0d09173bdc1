// Where a model's tensors come from, whatever the format on disk: Hugging Face's names and shapes,
// values that ATen computes with. Everything that reads weights (loading, conversion, verify) reads
// them here.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/arch/parameters.h"
#include "llm/io/quant.h"

namespace llm::convert {

struct StoredTensor {
  std::vector<int64_t> shape;
  std::string type;                   // as the format spells it: "F32", "BF16", "Q4_K"
  at::ScalarType dtype = at::kFloat;  // of what read() returns; fp32 for quantised blocks
  bool quantized = false;             // values are blocks with shared scales
  uint64_t bytes = 0;                 // on disk

  int64_t numel() const;
};

// Rows of a matrix as quantised blocks.
struct StoredBlocks {
  io::GgmlType type = io::GgmlType::kQ8_0;
  at::Tensor blocks;  // [rows, bytes of a row] uint8, memory of its own
};

// Safe to read from many threads.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // What the tensors lie in, for messages.
  virtual std::string where() const = 0;
  virtual const std::map<std::string, StoredTensor>& tensors() const = 0;
  // The exact stored values: a read-only view of the mapped file where its bytes are the tensor's,
  // else a tensor of its own, decoded for this call. Views must not outlive the source. Requires:
  // contains(name).
  virtual at::Tensor read(const std::string& name) const = 0;
  // The rows [first, first + count) of read(name); of a vector its elements. Decodes no more than
  // these rows where the format allows it. Requires: contains(name); rows that exist.
  virtual at::Tensor read_rows(const std::string& name, int64_t first, int64_t count) const;
  // The blocks that read(name) decodes, its rows in the same order; nothing where the tensor is no
  // matrix of quantised blocks. Requires: contains(name).
  virtual std::optional<StoredBlocks> read_blocks(const std::string& name) const;
  virtual uint64_t file_bytes() const = 0;  // of all weight files, headers included

  bool contains(const std::string& name) const { return tensors().count(name) != 0; }
  const StoredTensor& entry(const std::string& name) const;  // Requires: contains(name)
  uint64_t data_bytes() const;                               // without headers
};

// The type that holds all of these parameters as they are stored: fp32 where one is quantised or
// fp64. Requires: the source contains them; at least one.
at::ScalarType widest_dtype(const WeightSource& source,
                            const std::vector<arch::ParameterSpec>& specs);

// How the tensors of a source differ from what a config asks for.
struct WeightMismatch {
  std::vector<std::string> missing;  // asked for, not there
  std::vector<std::string> unused;   // there, not asked for
  std::vector<std::string> shapes;   // "name [4, 8], expected [8, 4]"
  std::vector<std::string> dtypes;   // "name I64": no floating-point type we read
  bool empty() const {
    return missing.empty() && unused.empty() && shapes.empty() && dtypes.empty();
  }
};

// A tied head that is stored all the same, and the rotary `inv_freq` buffers of old Llama exports
// (recomputed from the config by everybody), are not counted as unused.
WeightMismatch compare_weights(const WeightSource& source, const arch::ModelConfig& config);

// "2 missing: a, b (there is c); 1 unused: c", the nearest unused name beside a missing one.
std::string describe(const WeightMismatch& mismatch);

// Throws: FormatError listing every mismatch; and when a tied head is stored with values other than
// the embedding's.
void require_exact_weights(const WeightSource& source, const arch::ModelConfig& config);

}  // namespace llm::convert
