// LoRA adapters in PEFT's layout (docs/formats.md): a directory with adapter_config.json and
// adapter_model.safetensors, whose tensors are
//
//   base_model.model.MODULE.lora_A.weight [rank, in]     base_model.model.MODULE.lora_B.weight
//   [out, rank] base_model.model.PARAMETER                           of modules_to_save, whole
//
// With ensure_weight_tying a tied head stands there a second time, equal to the saved embedding.
//
// An adapter directory opens as the merged model: what reads tensors sees W + scale * B A, so
// loading, chat, evaluation and conversion need to know nothing of adapters.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/arch/lora.h"
#include "llm/convert/model_source.h"
#include "llm/convert/weight_source.h"
#include "llm/io/safetensors.h"

namespace llm::convert {

inline constexpr const char* kAdapterConfigName = "adapter_config.json";
inline constexpr const char* kAdapterWeightsName = "adapter_model.safetensors";
inline constexpr const char* kAdapterPrefix = "base_model.model.";

// Whether the directory holds an adapter: its config, and no whole model beside it.
bool is_adapter_directory(const std::filesystem::path& directory);

// Immutable, safe to read from many threads. Tensors are views of the mapped file.
class LoraAdapter {
 public:
  // Strict both ways. Besides modules_to_save, a whole embed_tokens or lm_head is accepted, for
  // PEFT stores them when the vocabulary was resized; these two may have another number of rows
  // than the base's. Throws: IoError; FormatError listing missing, unused and mis-shaped tensors,
  // and for adapter_model.bin (a pickle), with advice; what arch::lora_layout throws.
  LoraAdapter(const std::filesystem::path& directory, arch::LoraConfig config,
              const arch::ModelConfig& base);

  const std::filesystem::path& directory() const { return directory_; }
  const arch::LoraConfig& config() const { return config_; }
  // `saved` with the shapes of the file, without a head that ensure_weight_tying ties.
  const arch::LoraLayout& layout() const { return layout_; }
  const arch::LoraModule* find_module(const std::string& weight_name) const;  // nullptr: none
  const arch::ParameterSpec* find_saved(const std::string& name) const;       // nullptr: none

  at::Tensor a(const arch::LoraModule& module) const;  // [rank, in]
  at::Tensor b(const arch::LoraModule& module) const;  // [out, rank]
  at::Tensor saved(const std::string& parameter) const;
  const io::SafetensorsFile& file() const { return *file_; }
  // Of the base it was trained on; nothing where another program wrote it.
  std::optional<uint64_t> base_fingerprint() const;

 private:
  void check(const arch::ModelConfig& base);
  void drop_tied_head();
  at::Tensor view(const std::string& name) const;

  std::filesystem::path directory_;
  arch::LoraConfig config_;
  arch::LoraLayout layout_;
  std::unique_ptr<io::SafetensorsFile> file_;
};

// An adapter with the model it is for: ModelSource::adapter.
struct AppliedAdapter {
  LoraAdapter adapter;
  std::filesystem::path base_path;
  arch::ModelConfig base_config;
  std::shared_ptr<const WeightSource> base;

  // The widest dtype of the base's tensors; fp32 where they are quantised.
  at::ScalarType base_dtype() const;
};

// How much the adapter changes one parameter.
struct LoraChange {
  std::string parameter;
  int64_t rank = 0;  // 0: stored whole
  double scale = 0;
  double relative = 0;  // ||W' - W|| / ||W||, Frobenius; of a table that grew, over the old rows
};
// In the order of the layout. Reads every adapted tensor of the base once.
std::vector<LoraChange> lora_changes(const AppliedAdapter& applied);

struct AdapterTensor {
  std::string name;  // as in the file
  std::vector<int64_t> shape;
};
// What adapter_model.safetensors holds, in order.
std::vector<AdapterTensor> adapter_tensors(const arch::LoraLayout& layout);

// What tells one base from another, whatever format and type it is stored in: XXH3-64 over names,
// shapes and values in fp32 of all parameters. Reads every tensor once. Requires:
// require_exact_weights passes.
uint64_t base_fingerprint(const WeightSource& base, const arch::ModelConfig& config);

struct SavedAdapter {
  const arch::LoraConfig& config;
  std::vector<AdapterTensor> tensors;
  // By the name in the file. Empty: adapter_model.safetensors is made with its full length
  // (io::create_safetensors), and others write the numbers.
  std::function<at::Tensor(const std::string& name)> values;
  at::ScalarType dtype = at::kFloat;
  // Written into the metadata of adapter_model.safetensors, as "llmtrain.base_xxh3".
  std::optional<uint64_t> base_fingerprint = std::nullopt;
};
// adapter_config.json and adapter_model.safetensors, each written atomically, the config last. With
// ensure_weight_tying a saved embedding is written as lm_head, too. Makes the directory. Throws:
// IoError.
void save_adapter(const std::filesystem::path& directory, const SavedAdapter& adapter);
// The tensors of that file that hold a parameter, which is named without kAdapterPrefix.
std::vector<std::string> names_in_adapter(const SavedAdapter& adapter,
                                          const std::string& parameter);

struct AdapterOptions {
  std::optional<at::ScalarType> dtype;  // empty: each adapter's widest
};
// The adapter of an opened adapter directory as a directory of its own, with the tokenizer,
// template and generation files that lie beside it. base_model_name_or_path becomes an absolute
// path where the base was found by a relative one. Requires: source.adapter. Throws: IoError.
void write_adapter(const ModelSource& source, const std::filesystem::path& out,
                   const AdapterOptions& options = {});

}  // namespace llm::convert
