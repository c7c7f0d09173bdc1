#include <ATen/ATen.h>

#include <map>

#include "convert/base_fingerprint.h"
#include "convert/model_files.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/check.h"
#include "llm/io/atomic_file.h"
#include "llm/io/file_operations.h"
#include "llm/io/hash.h"
#include "llm/io/safetensors_parts.h"
#include "llm/tensor/device.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

at::ScalarType widest_dtype(const io::SafetensorsFile& file) {
  at::ScalarType widest = tensor::to_scalar_type(file.entries().front().dtype);
  for (const io::TensorEntry& entry : file.entries())
    widest = at::promote_types(widest, tensor::to_scalar_type(entry.dtype));
  return widest;
}

// A path that still leads to the base from another directory.
std::string portable_base(const AppliedAdapter& applied) {
  const std::string& name = applied.adapter.config().base_model_name_or_path;
  const bool is_elsewhere = name.empty() || !fs::path(name).is_absolute() || !fs::exists(name);
  return is_elsewhere ? fs::absolute(applied.base_path).lexically_normal().string() : name;
}

struct StoredAs {
  AdapterTensor tensor;
  std::string source;  // the name of its values
};

std::vector<StoredAs> with_tied_head(const SavedAdapter& adapter) {
  const std::string prefix = kAdapterPrefix;
  const std::string embedding = prefix + arch::kEmbeddingName;
  const std::string head = prefix + arch::kHeadName;
  std::vector<StoredAs> tensors;
  const AdapterTensor* table = nullptr;
  bool has_head = false;
  for (const AdapterTensor& tensor : adapter.tensors) {
    tensors.push_back({tensor, tensor.name});
    if (tensor.name == embedding) table = &tensor;
    has_head |= tensor.name == head;
  }
  if (adapter.config.ensure_weight_tying && table != nullptr && !has_head)
    tensors.push_back({{head, table->shape}, embedding});
  return tensors;
}

void write_values(io::SafetensorsWriter& writer, const SavedAdapter& adapter,
                  const std::vector<StoredAs>& tensors) {
  for (const auto& [tensor, source] : tensors) {
    const at::Tensor stored =
        adapter.values(source).detach().to(at::kCPU, adapter.dtype).contiguous();
    LLM_CHECK(stored.sizes() == at::IntArrayRef(tensor.shape), "{} has another shape", tensor.name);
    writer.write_next({static_cast<const std::byte*>(stored.const_data_ptr()),
                       static_cast<size_t>(stored.nbytes())});
  }
  writer.commit();
}

}  // namespace

void save_adapter(const fs::path& directory, const SavedAdapter& adapter) {
  io::make_directories(directory);
  const std::vector<StoredAs> tensors = with_tied_head(adapter);
  std::vector<io::TensorEntry> entries;
  for (const auto& [tensor, source] : tensors)
    entries.push_back({.name = tensor.name,
                       .dtype = tensor::to_tensor_dtype(adapter.dtype),
                       .shape = tensor.shape});
  std::map<std::string, std::string> metadata;
  if (adapter.base_fingerprint)
    metadata[kBaseFingerprintKey] = io::hex64(*adapter.base_fingerprint);
  const fs::path file = directory / kAdapterWeightsName;
  if (adapter.values) {
    io::SafetensorsWriter writer(file, std::move(entries), metadata);
    write_values(writer, adapter, tensors);
  } else {
    io::create_safetensors(file, std::move(entries), metadata);
  }
  io::write_file_atomically(directory / kAdapterConfigName,
                            arch::to_json(adapter.config).dump(2) + "\n");
}

std::vector<std::string> names_in_adapter(const SavedAdapter& adapter,
                                          const std::string& parameter) {
  std::vector<std::string> names;
  for (const auto& [tensor, source] : with_tied_head(adapter)) {
    if (source == kAdapterPrefix + parameter) names.push_back(tensor.name);
  }
  return names;
}

void write_adapter(const ModelSource& source, const fs::path& out, const AdapterOptions& options) {
  LLM_CHECK(source.adapter, "{} is no adapter", source.path.string());
  const LoraAdapter& adapter = source.adapter->adapter;
  arch::LoraConfig config = adapter.config();
  config.base_model_name_or_path = portable_base(*source.adapter);
  save_adapter(out, {.config = config,
                     .tensors = adapter_tensors(adapter.layout()),
                     .values =
                         [&](const std::string& name) {
                           return tensor::view_of(adapter.file(), *adapter.file().find(name));
                         },
                     .dtype = options.dtype ? *options.dtype : widest_dtype(adapter.file()),
                     .base_fingerprint = adapter.base_fingerprint()});
  if (source.tokenizer_files == source.path) copy_tokenizer_files(source.path, out);
  write_generation_files(out, read_hints(source.path, source.config, {.warns = false}),
                         read_chat_template(source.path));
}

}  // namespace llm::convert
