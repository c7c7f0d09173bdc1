#include <ATen/ATen.h>

#include "convert/model_files.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/check.h"
#include "llm/io/atomic_file.h"
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

}  // namespace

void save_adapter(const fs::path& directory, const arch::LoraConfig& config,
                  const std::vector<AdapterTensor>& tensors,
                  const std::function<at::Tensor(const std::string& name)>& values,
                  at::ScalarType dtype) {
  fs::create_directories(directory);
  std::vector<io::TensorEntry> entries;
  for (const AdapterTensor& tensor : tensors)
    entries.push_back(
        {.name = tensor.name, .dtype = tensor::to_tensor_dtype(dtype), .shape = tensor.shape});
  io::SafetensorsWriter writer(directory / kAdapterWeightsName, std::move(entries));
  for (const AdapterTensor& tensor : tensors) {
    const at::Tensor stored = values(tensor.name).detach().to(at::kCPU, dtype).contiguous();
    LLM_CHECK(stored.sizes() == at::IntArrayRef(tensor.shape), "{} has another shape", tensor.name);
    writer.write_next({static_cast<const std::byte*>(stored.const_data_ptr()),
                       static_cast<size_t>(stored.nbytes())});
  }
  writer.commit();
  io::write_file_atomically(directory / kAdapterConfigName, arch::to_json(config).dump(2) + "\n");
}

void write_adapter(const ModelSource& source, const fs::path& out, const AdapterOptions& options) {
  LLM_CHECK(source.adapter, "{} is no adapter", source.path.string());
  const LoraAdapter& adapter = source.adapter->adapter;
  arch::LoraConfig config = adapter.config();
  config.base_model_name_or_path = portable_base(*source.adapter);
  save_adapter(
      out, config, adapter_tensors(adapter.layout()),
      [&](const std::string& name) {
        return tensor::view_of(adapter.file(), *adapter.file().find(name));
      },
      options.dtype ? *options.dtype : widest_dtype(adapter.file()));
  if (source.tokenizer_files == source.path) copy_tokenizer_files(source.path, out);
  write_generation_files(out, read_generation_config(source.path), read_chat_template(source.path));
}

}  // namespace llm::convert
