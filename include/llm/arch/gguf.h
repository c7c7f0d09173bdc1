// What a GGUF file says about a model: metadata keys and tensor names of llama.cpp's architectures
// llama (Llama and Mistral), qwen2 and qwen3 (docs/formats.md; ggml-org/ggml docs/gguf.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/io/gguf_model.h"
#include "llm/io/gguf_writer.h"

namespace llm::arch {

// general.architecture: "llama" for Mistral too.
const char* gguf_architecture(Architecture architecture);
// Whether the rows of q_proj and k_proj stand in interleaved rotary order in such a file.
bool gguf_interleaves_rope(Architecture architecture);

// "model.layers.3.mlp.up_proj.weight" <-> "blk.3.ffn_up.weight". "" for a name that is none.
std::string gguf_tensor_name(const std::string& hf_name);
std::string hf_tensor_name(const std::string& gguf_name);

struct Llama3Scaling {
  double factor = 8, low_freq_factor = 1, high_freq_factor = 4;
  int64_t original_max_position_embeddings = 8192;
};

// The tensor that holds Llama 3's rotary scaling: inverse frequencies are divided by it.
inline constexpr const char* kRopeFreqsName = "rope_freqs.weight";
// Its values, [head_dim / 2]; empty for other scalings.
std::vector<float> gguf_rope_freqs(const ModelConfig& config);

// The config a file describes. fp32 metadata become the shortest decimals with that value (1e-05).
// From rope_freqs, which holds numbers alone, the scaling is recovered by trying `given`,
// `llmtrain.rope.*` and the published ones. What GGUF has no key for comes from `llmtrain.config`,
// which we write, unless it disagrees with the other keys (a warning). Throws: FormatError for an
// architecture or a feature we do not support, a missing key, and a scaling that cannot be
// recovered; what validate() throws.
ModelConfig config_from_gguf(const io::GgufModel& model,
                             const std::optional<Llama3Scaling>& given = {});

// Adds the keys of `config` under its architecture, and `llmtrain.*`. Throws: ConfigError for what
// GGUF cannot represent (dynamic NTK; YaRN with truncate off).
void add_gguf_metadata(const ModelConfig& config, io::GgufMetadata& metadata);

}  // namespace llm::arch
