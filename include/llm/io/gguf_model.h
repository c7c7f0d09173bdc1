// A GGUF model in one file, or split over NAME-00001-of-0000N.gguf ... (llama.cpp's gguf-split).
//
// Each shard states split.no (from 0), split.count and split.tensors.count (of all shards
// together); metadata stands in the first one.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/io/gguf.h"

namespace llm::io {

// Immutable, safe to read from many threads.
class GgufModel {
 public:
  // `path` is the file, or any of the shards. Throws: as GgufFile; FormatError when shards are
  // missing, do not belong together or name a tensor twice.
  explicit GgufModel(const std::filesystem::path& path);

  const GgufFile& metadata() const { return shards_.front(); }
  const std::vector<GgufFile>& shards() const { return shards_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // shard by shard
  const GgufTensor* find_tensor(std::string_view name) const;          // nullptr when absent
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;

 private:
  void add_shard(const std::filesystem::path& path);

  std::vector<GgufFile> shards_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace llm::io
