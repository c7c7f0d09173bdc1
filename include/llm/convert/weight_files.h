// The weight files of a Hugging Face directory: model.safetensors, or shards named by
// model.safetensors.index.json.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "llm/arch/parameters.h"
#include "llm/convert/weight_source.h"
#include "llm/io/safetensors.h"

namespace llm::convert {

// Immutable. Every tensor is a view of the mapped files.
class WeightFiles : public WeightSource {
 public:
  // Throws: IoError when there are no weights; FormatError for torch.save files (with advice), an
  // index that disagrees with its shards, and what io::SafetensorsFile throws.
  explicit WeightFiles(const std::filesystem::path& directory);

  std::string where() const override { return directory_.string(); }
  const std::map<std::string, StoredTensor>& tensors() const override { return tensors_; }
  at::Tensor read(const std::string& name) const override;
  uint64_t file_bytes() const override;

 private:
  struct Location {
    size_t file = 0;
    const io::TensorEntry* entry = nullptr;
  };
  void open_single(const std::filesystem::path& file);
  void open_shards(const std::filesystem::path& index_file);

  std::filesystem::path directory_;
  std::vector<std::unique_ptr<io::SafetensorsFile>> files_;
  std::map<std::string, Location> locations_;
  std::map<std::string, StoredTensor> tensors_;
};

// Where the tensor of a parameter comes from when a model is written; any device and dtype. Empty:
// the files are made with their full length (io::create_safetensors), and others write the numbers.
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
