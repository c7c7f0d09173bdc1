#include "llm/convert/lora_adapter.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/tensor/device.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTableNames[] = {arch::kEmbeddingName, arch::kHeadName};

bool is_table(const std::string& parameter) {
  return std::find(std::begin(kTableNames), std::end(kTableNames), parameter) !=
         std::end(kTableNames);
}

std::string a_name(const arch::LoraModule& module) {
  return kAdapterPrefix + module.name + ".lora_A.weight";
}
std::string b_name(const arch::LoraModule& module) {
  return kAdapterPrefix + module.name + ".lora_B.weight";
}

std::unique_ptr<io::SafetensorsFile> open_weights(const fs::path& directory) {
  const fs::path file = directory / kAdapterWeightsName;
  if (fs::exists(file)) return std::make_unique<io::SafetensorsFile>(file);
  if (const fs::path pickle = directory / "adapter_model.bin"; fs::exists(pickle)) {
    throw core::FormatError(
        {.where = pickle.string(),
         .expected = kAdapterWeightsName,
         .got = "weights written by torch.save, a pickle that can run any code",
         .hint = "Load it once in Python with peft and write it again with save_pretrained(DIR, "
                 "safe_serialization=True)."});
  }
  throw core::IoError({.where = directory.string(),
                       .expected = kAdapterWeightsName,
                       .got = "no such file",
                       .hint = "Give a complete adapter directory."},
                      ENOENT);
}

bool is_float(io::TensorDtype dtype) {
  return dtype == io::TensorDtype::kF32 || dtype == io::TensorDtype::kBF16 ||
         dtype == io::TensorDtype::kF16;
}

// The tables may have any number of rows.
bool is_shape(const std::vector<int64_t>& got, const AdapterTensor& expected) {
  if (got == expected.shape) return true;
  const std::string parameter = expected.name.substr(std::string(kAdapterPrefix).size());
  return is_table(parameter) && got.size() == 2 && got[0] > 0 && got[1] == expected.shape[1];
}

}  // namespace

bool is_adapter_directory(const fs::path& directory) {
  return fs::exists(directory / kAdapterConfigName) &&
         !fs::exists(directory / "model.safetensors") &&
         !fs::exists(directory / "model.safetensors.index.json");
}

std::vector<AdapterTensor> adapter_tensors(const arch::LoraLayout& layout) {
  std::vector<AdapterTensor> tensors;
  for (const arch::LoraModule& module : layout.modules) {
    tensors.push_back({a_name(module), {module.rank, module.in}});
    tensors.push_back({b_name(module), {module.out, module.rank}});
  }
  for (const arch::ParameterSpec& spec : layout.saved)
    tensors.push_back({kAdapterPrefix + spec.name, spec.shape});
  return tensors;
}

LoraAdapter::LoraAdapter(const fs::path& directory, arch::LoraConfig config,
                         const arch::ModelConfig& base)
    : directory_(directory),
      config_(std::move(config)),
      layout_(arch::lora_layout(config_, base, (directory / kAdapterConfigName).string())),
      file_(open_weights(directory)) {
  for (const char* name : kTableNames) {
    if (find_saved(name) || !file_->find(kAdapterPrefix + std::string(name))) continue;
    arch::ParameterSpec table = arch::parameter_specs(base).front();
    if (name != table.name) table.kind = arch::ParameterKind::kHead;
    table.name = name;
    layout_.saved.push_back(std::move(table));
  }
  check(base);
  if (config_.ensure_weight_tying && base.tie_word_embeddings) drop_tied_head();
}

void LoraAdapter::drop_tied_head() {
  if (!find_saved(arch::kEmbeddingName) || !find_saved(arch::kHeadName)) return;
  if (!at::equal(saved(arch::kEmbeddingName), saved(arch::kHeadName))) {
    throw core::FormatError({.where = file_->path().string(),
                             .expected = "equal tables, as ensure_weight_tying says",
                             .got = "a head with other values than the embedding",
                             .hint = "Set ensure_weight_tying to false where both were trained."});
  }
  std::erase_if(layout_.saved, [](const auto& spec) { return spec.name == arch::kHeadName; });
}

void LoraAdapter::check(const arch::ModelConfig& base) {
  WeightMismatch mismatch;
  std::set<std::string> expected;
  for (const AdapterTensor& tensor : adapter_tensors(layout_)) {
    expected.insert(tensor.name);
    const io::TensorEntry* entry = file_->find(tensor.name);
    if (!entry) {
      mismatch.missing.push_back(tensor.name);
      continue;
    }
    if (!is_shape(entry->shape, tensor))
      mismatch.shapes.push_back(fmt::format("{} [{}], expected [{}]", tensor.name,
                                            fmt::join(entry->shape, ", "),
                                            fmt::join(tensor.shape, ", ")));
    if (!is_float(entry->dtype))
      mismatch.dtypes.push_back(fmt::format("{} {}", tensor.name, io::dtype_name(entry->dtype)));
  }
  for (const io::TensorEntry& entry : file_->entries())
    if (!expected.contains(entry.name)) mismatch.unused.push_back(entry.name);
  if (!mismatch.empty()) {
    throw core::FormatError(
        {.where = file_->path().string(),
         .expected =
             fmt::format("exactly the {} tensors of {}", expected.size(), kAdapterConfigName),
         .got = describe(mismatch),
         .hint = fmt::format("The adapter may be for another model than this {} of {} layers, or "
                             "its config does not describe it.",
                             arch::model_type_name(base.architecture), base.num_hidden_layers)});
  }
  for (arch::ParameterSpec& spec : layout_.saved)
    spec.shape = file_->find(kAdapterPrefix + spec.name)->shape;
}

const arch::LoraModule* LoraAdapter::find_module(const std::string& weight_name) const {
  const auto found = std::find_if(
      layout_.modules.begin(), layout_.modules.end(),
      [&](const arch::LoraModule& module) { return module.weight_name() == weight_name; });
  return found == layout_.modules.end() ? nullptr : &*found;
}

const arch::ParameterSpec* LoraAdapter::find_saved(const std::string& name) const {
  const auto found =
      std::find_if(layout_.saved.begin(), layout_.saved.end(),
                   [&](const arch::ParameterSpec& spec) { return spec.name == name; });
  return found == layout_.saved.end() ? nullptr : &*found;
}

at::Tensor LoraAdapter::view(const std::string& name) const {
  const io::TensorEntry* entry = file_->find(name);
  LLM_CHECK(entry != nullptr, "no tensor {} in {}", name, file_->path().string());
  return tensor::view_of(*file_, *entry);
}

at::Tensor LoraAdapter::a(const arch::LoraModule& module) const { return view(a_name(module)); }

at::Tensor LoraAdapter::b(const arch::LoraModule& module) const { return view(b_name(module)); }

at::Tensor LoraAdapter::saved(const std::string& parameter) const {
  return view(kAdapterPrefix + parameter);
}

}  // namespace llm::convert
