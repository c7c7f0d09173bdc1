#include "convert/gguf_types.h"

#include "llm/core/check.h"

namespace llm::convert {
namespace {

using io::GgmlType;

GgmlType base_type(GgufFileType file_type) {
  switch (file_type) {
    case GgufFileType::kF32:
      return GgmlType::kF32;
    case GgufFileType::kF16:
      return GgmlType::kF16;
    case GgufFileType::kBF16:
      return GgmlType::kBF16;
    case GgufFileType::kQ8_0:
      return GgmlType::kQ8_0;
    case GgufFileType::kQ4_0:
      return GgmlType::kQ4_0;
    case GgufFileType::kQ4_K_M:
      return GgmlType::kQ4_K;
    case GgufFileType::kQ5_K_M:
      return GgmlType::kQ5_K;
    case GgufFileType::kQ6_K:
      return GgmlType::kQ6_K;
  }
  LLM_CHECK(false, "file type {}", static_cast<int>(file_type));
  return GgmlType::kF32;
}

bool is_float(GgmlType type) {
  return type == GgmlType::kF32 || type == GgmlType::kF16 || type == GgmlType::kBF16;
}

bool is_mixture(GgufFileType file_type) {
  return file_type == GgufFileType::kQ4_K_M || file_type == GgufFileType::kQ5_K_M;
}

// The first and last eighth of the layers, and every third between.
bool use_more_bits(int64_t layer, int64_t num_layers) {
  const int64_t eighth = num_layers / 8;
  return layer < eighth || layer >= 7 * num_layers / 8 || (layer - eighth) % 3 == 2;
}

bool is_output(const arch::ParameterSpec& spec, const arch::ModelConfig& config) {
  return spec.kind == arch::ParameterKind::kHead ||
         (spec.kind == arch::ParameterKind::kEmbedding && config.tie_word_embeddings);
}

GgmlType wanted_type(const arch::ParameterSpec& spec, const arch::ModelConfig& config,
                     GgufFileType file_type) {
  const GgmlType base = base_type(file_type);
  if (is_float(base)) return base;
  if (is_output(spec, config)) return base == GgmlType::kQ8_0 ? base : GgmlType::kQ6_K;
  const bool lifted =
      spec.name.ends_with("v_proj.weight") || spec.name.ends_with("down_proj.weight");
  if (is_mixture(file_type) && lifted && use_more_bits(spec.layer, config.num_hidden_layers))
    return GgmlType::kQ6_K;
  return base;
}

GgmlType fallback(GgmlType type) {
  switch (type) {
    case GgmlType::kQ4_K:
      return GgmlType::kQ5_0;
    case GgmlType::kQ5_K:
      return GgmlType::kQ5_1;
    case GgmlType::kQ6_K:
      return GgmlType::kQ8_0;
    default:
      return GgmlType::kF16;
  }
}

}  // namespace

GgmlType gguf_type_of(const arch::ParameterSpec& spec, const arch::ModelConfig& config,
                      GgufFileType file_type) {
  if (spec.shape.size() == 1) return GgmlType::kF32;
  GgmlType type = wanted_type(spec, config, file_type);
  while (spec.shape.back() % io::quant_block(type).values != 0) type = fallback(type);
  return type;
}

}  // namespace llm::convert
