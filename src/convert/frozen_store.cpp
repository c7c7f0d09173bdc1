#include "llm/convert/frozen_store.h"

#include <map>
#include <string>
#include <vector>

#include "llm/arch/parameters.h"
#include "llm/convert/model_directory.h"
#include "llm/core/check.h"

namespace llm::convert {
namespace {

// A leaf's matrices by the leaf's name, in storage order.
std::map<std::string, std::vector<arch::ParameterSpec>> layer_matrices(
    const arch::ModelConfig& config) {
  std::map<std::string, std::vector<arch::ParameterSpec>> leaves;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(config)) {
    if (spec.kind != arch::ParameterKind::kMatrix) continue;
    leaves[spec.fused_name.empty() ? spec.name : spec.fused_name].push_back(spec);
  }
  return leaves;
}

// nullptr where a part is not stored as blocks.
std::shared_ptr<const tensor::QuantizedMatrix> read_quantized(
    const WeightSource& source, const std::vector<arch::ParameterSpec>& specs) {
  std::vector<tensor::QuantizedPart> parts;
  for (const arch::ParameterSpec& spec : specs) {
    const auto stored = source.read_blocks(spec.name);
    if (!stored) return nullptr;
    parts.push_back({spec.name, stored->type, stored->blocks});
  }
  return std::make_shared<tensor::QuantizedMatrix>(std::move(parts), specs[0].shape[1]);
}

}  // namespace

std::unique_ptr<tensor::ParameterStore> load_frozen_store(const WeightSource& source,
                                                          const arch::ModelConfig& config,
                                                          tensor::StoreOptions options) {
  LLM_CHECK(!options.trainable && options.device.is_cpu());
  require_exact_weights(source, config);
  for (const auto& [leaf, specs] : layer_matrices(config)) {
    if (auto matrix = read_quantized(source, specs)) options.quantized[leaf] = std::move(matrix);
  }
  auto store = std::make_unique<tensor::ParameterStore>(arch::parameter_specs(config), options);
  load_weights(source, config, *store);
  return store;
}

}  // namespace llm::convert
