// The weight files of a Hugging Face directory: model.safetensors, or shards named by
// model.safetensors.index.json. Bytes stay mapped; tensors are views.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/arch/parameters.h"
#include "llm/io/safetensors.h"

namespace llm::convert {

// Immutable; safe to read from many threads. Views must not outlive it.
class WeightFiles {
 public:
  // Throws: IoError when there are no weights; FormatError for torch.save files (with advice), an
  // index that disagrees with its shards, and what io::SafetensorsFile throws.
  explicit WeightFiles(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::vector<std::string> names() const;  // sorted
  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  // Requires: contains(name).
  const io::TensorEntry& entry(const std::string& name) const;
  at::Tensor view(const std::string& name) const;  // read-only, the entry's own dtype and shape
  uint64_t file_bytes() const;                     // of all weight files
  uint64_t data_bytes() const;                     // without their headers

 private:
  struct Location {
    size_t file = 0;
    const io::TensorEntry* entry = nullptr;
  };
  void open_single(const std::filesystem::path& file);
  void open_shards(const std::filesystem::path& index_file);

  std::filesystem::path directory_;
  std::vector<std::unique_ptr<io::SafetensorsFile>> files_;
  std::map<std::string, Location> tensors_;
};

// How the tensors of a directory differ from what a config asks for.
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
WeightMismatch compare_weights(const WeightFiles& files, const arch::ModelConfig& config);

// "2 missing: a, b (there is c); 1 unused: c", the nearest unused name beside a missing one.
std::string describe(const WeightMismatch& mismatch);

// Throws: FormatError listing every mismatch; and when a tied head is stored with values other than
// the embedding's.
void require_exact_weights(const WeightFiles& files, const arch::ModelConfig& config);

// Where the tensor of a parameter comes from when a model is written; any device and dtype.
using TensorSource = std::function<at::Tensor(const arch::ParameterSpec& spec)>;

struct SaveOptions {
  at::ScalarType dtype = at::kFloat;
  int64_t max_shard_bytes = int64_t{5} << 30;
};

// Writes model.safetensors, or model-0000i-of-0000N.safetensors and the index when the data exceed
// max_shard_bytes (a tensor is never split), one tensor in memory at a time, each file atomically,
// the index last. Weight files of an earlier save that are not part of this one are removed after
// it. Throws: IoError.
void write_weights(const std::filesystem::path& directory,
                   const std::vector<arch::ParameterSpec>& specs, const TensorSource& source,
                   const SaveOptions& options = {});

}  // namespace llm::convert
