#include "llm/convert/weight_files.h"

#include <fmt/format.h>

#include <cerrno>
#include <set>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/tensor/device.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";

[[noreturn]] void throw_no_weights(const fs::path& directory) {
  for (const char* name :
       {"pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"}) {
    if (!fs::exists(directory / name)) continue;
    throw core::FormatError({.where = (directory / name).string(),
                             .expected = kSingleName,
                             .got = "weights written by torch.save, a pickle that can run any code",
                             .hint =
                                 "Load it once in Python with transformers and write it again with "
                                 "model.save_pretrained(DIR, safe_serialization=True)."});
  }
  throw core::IoError({.where = directory.string(),
                       .expected = fmt::format("{} or {}", kSingleName, kIndexName),
                       .got = "neither",
                       .hint = "Give a complete model directory."},
                      ENOENT);
}

core::FormatError bad_index(const fs::path& file, const std::string& expected,
                            const std::string& got) {
  return core::FormatError({.where = file.string(),
                            .expected = expected,
                            .got = got,
                            .hint = "The download or copy is incomplete; fetch it again."});
}

// The index's weight_map, with file names that stay inside the directory.
std::map<std::string, std::string> read_weight_map(const fs::path& index_file) {
  const io::OrderedJson json = io::read_ordered_json_file(index_file);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    throw bad_index(index_file, R"(an object with a "weight_map")", "something else");
  }
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || fs::path(name).filename().string() != name) {
      throw bad_index(index_file, "a file name for " + tensor, file.dump());
    }
    map[tensor] = name;
  }
  return map;
}

}  // namespace

WeightFiles::WeightFiles(const fs::path& directory) : directory_(directory) {
  if (fs::exists(directory / kSingleName)) {
    open_single(directory / kSingleName);
  } else if (fs::exists(directory / kIndexName)) {
    open_shards(directory / kIndexName);
  } else {
    throw_no_weights(directory);
  }
}

void WeightFiles::open_single(const fs::path& file) {
  files_.push_back(std::make_unique<io::SafetensorsFile>(file));
  for (const io::TensorEntry& entry : files_.back()->entries()) {
    locations_[entry.name] = {files_.size() - 1, &entry};
    tensors_[entry.name] = {.shape = entry.shape,
                            .type = io::dtype_name(entry.dtype),
                            .dtype = tensor::to_scalar_type(entry.dtype),
                            .bytes = entry.end - entry.begin};
  }
}

void WeightFiles::open_shards(const fs::path& index_file) {
  const std::map<std::string, std::string> map = read_weight_map(index_file);
  std::set<std::string> shard_names;
  for (const auto& [unused, file] : map) shard_names.insert(file);
  for (const std::string& shard : shard_names) {
    if (!fs::exists(directory_ / shard)) {
      throw bad_index(index_file, "the shard " + shard, "no such file");
    }
    open_single(directory_ / shard);
    for (const io::TensorEntry& entry : files_.back()->entries()) {
      const auto mapped = map.find(entry.name);
      if (mapped == map.end() || mapped->second != shard) {
        throw bad_index(index_file, fmt::format("{} in the index for {}", entry.name, shard),
                        mapped == map.end() ? "no entry" : mapped->second);
      }
    }
  }
  for (const auto& [name, shard] : map) {
    if (!contains(name)) throw bad_index(directory_ / shard, "the tensor " + name, "none");
  }
}

at::Tensor WeightFiles::read(const std::string& name) const {
  const auto found = locations_.find(name);
  LLM_CHECK(found != locations_.end(), "no tensor {} in {}", name, directory_.string());
  return tensor::view_of(*files_[found->second.file], *found->second.entry);
}

uint64_t WeightFiles::file_bytes() const {
  uint64_t bytes = 0;
  for (const auto& file : files_) bytes += fs::file_size(file->path());
  return bytes;
}

}  // namespace llm::convert
