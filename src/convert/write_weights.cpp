#include <ATen/ATen.h>
#include <fmt/format.h>

#include <set>

#include "llm/convert/weight_files.h"
#include "llm/core/check.h"
#include "llm/io/atomic_file.h"
#include "llm/io/file_operations.h"
#include "llm/io/json.h"
#include "llm/io/safetensors_parts.h"
#include "llm/tensor/device.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

struct Shard {
  std::string file;
  std::vector<arch::ParameterSpec> specs;
};

int64_t spec_bytes(const arch::ParameterSpec& spec, at::ScalarType dtype) {
  return spec.numel() * static_cast<int64_t>(c10::elementSize(dtype));
}

// In order; a shard closes before the tensor that would take it over the limit.
std::vector<Shard> plan_shards(const std::vector<arch::ParameterSpec>& specs,
                               const SaveOptions& options) {
  std::vector<Shard> shards(1);
  int64_t bytes = 0;
  for (const arch::ParameterSpec& spec : specs) {
    const int64_t size = spec_bytes(spec, options.dtype);
    if (!shards.back().specs.empty() && bytes + size > options.max_shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().specs.push_back(spec);
    bytes += size;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].file = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

void write_shard(const fs::path& file, const Shard& shard, const TensorSource& source,
                 at::ScalarType dtype) {
  std::vector<io::TensorEntry> entries;
  for (const arch::ParameterSpec& spec : shard.specs) {
    entries.push_back(
        {.name = spec.name, .dtype = tensor::to_tensor_dtype(dtype), .shape = spec.shape});
  }
  if (!source) return io::create_safetensors(file, std::move(entries));
  io::SafetensorsWriter writer(file, std::move(entries));
  for (const arch::ParameterSpec& spec : shard.specs) {
    const at::Tensor values = source(spec).detach().to(at::kCPU, dtype).contiguous();
    LLM_CHECK(values.sizes() == at::IntArrayRef(spec.shape), "{} has another shape", spec.name);
    writer.write_next({static_cast<const std::byte*>(values.const_data_ptr()),
                       static_cast<size_t>(values.nbytes())});
  }
  writer.commit();
}

void write_index(const fs::path& directory, const std::vector<Shard>& shards,
                 at::ScalarType dtype) {
  int64_t bytes = 0;
  int64_t parameters = 0;
  io::OrderedJson map = io::OrderedJson::object();
  for (const Shard& shard : shards) {
    for (const arch::ParameterSpec& spec : shard.specs) {
      bytes += spec_bytes(spec, dtype);
      parameters += spec.numel();
      map[spec.name] = shard.file;
    }
  }
  const io::OrderedJson index = {
      {"metadata", {{"total_size", bytes}, {"total_parameters", parameters}}}, {"weight_map", map}};
  io::write_file_atomically(directory / "model.safetensors.index.json", index.dump(2) + "\n");
}

bool is_weight_file(const std::string& name) {
  const bool is_shard = name.starts_with("model-") && name.find("-of-") != std::string::npos &&
                        name.ends_with(".safetensors");
  return is_shard || name == "model.safetensors" || name == "model.safetensors.index.json";
}

void remove_stale_weights(const fs::path& directory, const std::vector<Shard>& shards) {
  std::set<std::string> current;
  for (const Shard& shard : shards) current.insert(shard.file);
  if (shards.size() > 1) current.insert("model.safetensors.index.json");
  std::vector<fs::path> stale;
  for (const auto& file : fs::directory_iterator(directory)) {
    const std::string name = file.path().filename().string();
    if (is_weight_file(name) && !current.contains(name)) stale.push_back(file.path());
  }
  for (const fs::path& file : stale) io::remove_tree(file);
}

}  // namespace

void write_weights(const fs::path& directory, const std::vector<arch::ParameterSpec>& specs,
                   const TensorSource& source, const SaveOptions& options) {
  const std::vector<Shard> shards = plan_shards(specs, options);
  for (const Shard& shard : shards) {
    write_shard(directory / shard.file, shard, source, options.dtype);
  }
  if (shards.size() > 1) write_index(directory, shards, options.dtype);
  remove_stale_weights(directory, shards);
}

}  // namespace llm::convert
