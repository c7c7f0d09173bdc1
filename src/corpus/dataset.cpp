#include "llm/corpus/dataset.h"

#include <fmt/format.h>

#include "corpus/dataset_json.h"
#include "llm/core/error.h"

namespace llm::corpus {
namespace {

namespace fs = std::filesystem;

void check_shards(const DatasetSplit& split) {
  for (const DatasetShard& shard : split.shards) {
    std::error_code error;
    const uint64_t size = fs::file_size(shard.path, error);
    if (!error && size == shard.file_bytes) continue;
    throw core::FormatError({.where = shard.path.string(),
                             .expected = fmt::format("{} bytes", shard.file_bytes),
                             .got = error ? "no such file" : fmt::format("{} bytes", size),
                             .hint = "Prepare the dataset again with llmdata prepare"});
  }
}

}  // namespace

std::vector<fs::path> DatasetSplit::paths() const {
  std::vector<fs::path> out;
  for (const DatasetShard& shard : shards) out.push_back(shard.path);
  return out;
}

PreparedDataset read_prepared_dataset(const fs::path& directory) {
  const fs::path path = directory / kDatasetFileName;
  if (!fs::exists(path)) {
    throw core::ConfigError(
        {.where = directory.string(),
         .expected = "a prepared dataset",
         .got = fs::exists(directory) ? "a directory without dataset.json" : "no such directory",
         .hint = "Make one with llmdata prepare"});
  }
  PreparedDataset dataset = dataset_from_json(io::read_ordered_json_file(path), directory);
  check_shards(dataset.train);
  check_shards(dataset.validation);
  return dataset;
}

}  // namespace llm::corpus
