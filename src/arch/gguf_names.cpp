#include <algorithm>
#include <array>
#include <utility>

#include "llm/arch/gguf.h"

namespace llm::arch {
namespace {

using NamePair = std::pair<const char*, const char*>;

constexpr std::array<NamePair, 3> kOutsideBlocks = {
    {{"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}}};
constexpr std::array<NamePair, 11> kInBlocks = {{{"input_layernorm", "attn_norm"},
                                                 {"post_attention_layernorm", "ffn_norm"},
                                                 {"self_attn.q_proj", "attn_q"},
                                                 {"self_attn.k_proj", "attn_k"},
                                                 {"self_attn.v_proj", "attn_v"},
                                                 {"self_attn.o_proj", "attn_output"},
                                                 {"self_attn.q_norm", "attn_q_norm"},
                                                 {"self_attn.k_norm", "attn_k_norm"},
                                                 {"mlp.gate_proj", "ffn_gate"},
                                                 {"mlp.up_proj", "ffn_up"},
                                                 {"mlp.down_proj", "ffn_down"}}};
constexpr const char* kHfBlock = "model.layers.";
constexpr const char* kGgufBlock = "blk.";

bool is_number(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Both directions: `from` and `to` choose the member of a pair.
std::string translate(const std::string& name, const char* NamePair::*from,
                      const char* NamePair::*to, const std::string& from_block,
                      const std::string& to_block) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return "";
  std::string stem = name.substr(0, dot);
  const std::string suffix = name.substr(dot);
  if (suffix != ".weight" && suffix != ".bias") return "";
  for (const NamePair& pair : kOutsideBlocks)
    if (stem == pair.*from) return pair.*to + suffix;
  if (!stem.starts_with(from_block)) return "";
  stem.erase(0, from_block.size());
  const size_t end = stem.find('.');
  if (end == std::string::npos || !is_number(stem.substr(0, end))) return "";
  for (const NamePair& pair : kInBlocks)
    if (stem.substr(end + 1) == pair.*from)
      return to_block + stem.substr(0, end) + "." + pair.*to + suffix;
  return "";
}

}  // namespace

const char* gguf_architecture(Architecture architecture) {
  return architecture == Architecture::kMistral ? "llama" : model_type_name(architecture);
}

bool gguf_interleaves_rope(Architecture architecture) {
  return architecture == Architecture::kLlama || architecture == Architecture::kMistral;
}

std::string gguf_tensor_name(const std::string& hf_name) {
  return translate(hf_name, &NamePair::first, &NamePair::second, kHfBlock, kGgufBlock);
}

std::string hf_tensor_name(const std::string& gguf_name) {
  return translate(gguf_name, &NamePair::second, &NamePair::first, kGgufBlock, kHfBlock);
}

}  // namespace llm::arch
