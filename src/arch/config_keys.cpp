#include "arch/config_keys.h"

#include <algorithm>
#include <span>

#include "llm/core/check.h"
#include "llm/core/config.h"

namespace llm::arch {
namespace {

constexpr KeyUse kUsed = KeyUse::kUsed, kInert = KeyUse::kInert, kFixed = KeyUse::kFixed;

constexpr const char* kNoDropout = "dropout is not implemented";
constexpr const char* kNoWindow = "attention over a sliding window is not implemented";
constexpr const char* kNoPartial = "rotating a part of each head is not implemented";
constexpr const char* kNoEncoder = "only decoders are supported";
constexpr const char* kNoSoftcap = "capped logits are not implemented";

// Keys with the same meaning in all four architectures.
constexpr KeyRule kCommon[] = {
    {"architectures", kUsed},
    {"model_type", kUsed},
    {"vocab_size", kUsed},
    {"hidden_size", kUsed},
    {"intermediate_size", kUsed},
    {"num_hidden_layers", kUsed},
    {"num_attention_heads", kUsed},
    {"num_key_value_heads", kUsed},
    {"head_dim", kUsed},
    {"max_position_embeddings", kUsed},
    {"original_max_position_embeddings", kUsed},
    {"rms_norm_eps", kUsed},
    {"initializer_range", kUsed},
    {"tie_word_embeddings", kUsed},
    {"rope_theta", kUsed},
    {"rope_scaling", kUsed},
    {"rope_parameters", kUsed},
    {"bos_token_id", kUsed},
    {"eos_token_id", kUsed},
    {"pad_token_id", kUsed},
    {"torch_dtype", kUsed},
    {"dtype", kUsed},

    {"hidden_act", kFixed, R"(["silu"])", "the MLP is SwiGLU"},
    {"attention_dropout", kFixed, "[0]", kNoDropout},
    {"attention_probs_dropout_prob", kFixed, "[0]", kNoDropout},
    {"hidden_dropout", kFixed, "[0]", kNoDropout},
    {"hidden_dropout_prob", kFixed, "[0]", kNoDropout},
    {"resid_pdrop", kFixed, "[0]", kNoDropout},
    {"embd_pdrop", kFixed, "[0]", kNoDropout},
    {"partial_rotary_factor", kFixed, "[1, null]", kNoPartial},
    {"rope_interleaved", kFixed, "[false, null]",
     "heads are rotated as two halves; permute the rows of q_proj and k_proj instead"},
    {"attn_logit_softcapping", kFixed, "[null]", kNoSoftcap},
    {"final_logit_softcapping", kFixed, "[null]", kNoSoftcap},
    {"quantization_config", kFixed, "[null]",
     "quantised safetensors are not read; use the unquantised model or a GGUF file"},
    {"is_encoder_decoder", kFixed, "[false]", kNoEncoder},
    {"add_cross_attention", kFixed, "[false]", kNoEncoder},
    {"pruned_heads", kFixed, "[{}, null]", "every layer has the same heads"},

    {"_name_or_path", kInert},
    {"_attn_implementation", kInert},
    {"_attn_implementation_autoset", kInert},
    {"attn_implementation", kInert},
    {"bad_words_ids", kInert},
    {"begin_suppress_tokens", kInert},
    {"chunk_size_feed_forward", kInert},
    {"cross_attention_hidden_size", kInert},
    {"decoder_start_token_id", kInert},
    {"diversity_penalty", kInert},
    {"do_sample", kInert},
    {"early_stopping", kInert},
    {"encoder_no_repeat_ngram_size", kInert},
    {"exponential_decay_length_penalty", kInert},
    {"finetuning_task", kInert},
    {"forced_bos_token_id", kInert},
    {"forced_eos_token_id", kInert},
    {"id2label", kInert},
    {"is_decoder", kInert},
    {"is_llama_config", kInert},
    {"label2id", kInert},
    {"length_penalty", kInert},
    {"max_length", kInert},
    {"min_length", kInert},
    {"no_repeat_ngram_size", kInert},
    {"num_beam_groups", kInert},
    {"num_beams", kInert},
    {"num_return_sequences", kInert},
    {"output_attentions", kInert},
    {"output_hidden_states", kInert},
    {"output_scores", kInert},
    {"prefix", kInert},
    {"pretraining_tp", kInert},
    {"problem_type", kInert},
    {"remove_invalid_values", kInert},
    {"repetition_penalty", kInert},
    {"return_dict", kInert},
    {"return_dict_in_generate", kInert},
    {"sep_token_id", kInert},
    {"suppress_tokens", kInert},
    {"task_specific_params", kInert},
    {"temperature", kInert},
    {"tf_legacy_loss", kInert},
    {"tie_encoder_decoder", kInert},
    {"tokenizer_class", kInert},
    {"top_k", kInert},
    {"top_p", kInert},
    {"torchscript", kInert},
    {"transformers.js_config", kInert},
    {"transformers_version", kInert},
    {"typical_p", kInert},
    {"unk_token_id", kInert},
    {"unsloth_fixed", kInert},
    {"unsloth_version", kInert},
    {"use_bfloat16", kInert},
    {"use_cache", kInert},
};

constexpr KeyRule kLlama[] = {
    {"attention_bias", kUsed},
    {"mlp_bias", kUsed},
    {"sliding_window", kFixed, "[null]", kNoWindow},
    {"layer_types", kFixed, R"([null, "full_attention"])", kNoWindow},
};

constexpr KeyRule kMistral[] = {
    // Absent means 4096 to transformers, so it has to be there: see read_model_config.
    {"sliding_window", kFixed, "[null]", kNoWindow},
    {"layer_types", kFixed, R"([null, "full_attention"])", kNoWindow},
    {"attention_bias", kFixed, "[false, null]", "Mistral's projections have no bias"},
    {"mlp_bias", kFixed, "[false, null]", "Mistral's MLP has no bias"},
};

constexpr KeyRule kQwen2[] = {
    {"use_sliding_window", kFixed, "[false, null]", kNoWindow},
    {"layer_types", kFixed, R"([null, "full_attention"])", kNoWindow},
    {"attention_bias", kFixed, "[true, null]", "Qwen2's q, k and v always have a bias"},
    {"mlp_bias", kFixed, "[false, null]", "Qwen2's MLP has no bias"},
    {"use_mrope", kFixed, "[false, null]", "positions in several dimensions are not implemented"},
    // Only read where use_sliding_window is true.
    {"sliding_window", kInert},
    {"max_window_layers", kInert},
};

constexpr KeyRule kQwen3[] = {
    {"attention_bias", kUsed},
    {"use_sliding_window", kFixed, "[false, null]", kNoWindow},
    {"layer_types", kFixed, R"([null, "full_attention"])", kNoWindow},
    {"mlp_bias", kFixed, "[false, null]", "Qwen3's MLP has no bias"},
    // Only read where use_sliding_window is true.
    {"sliding_window", kInert},
    {"max_window_layers", kInert},
};

constexpr KeyRule kNotListed{"", KeyUse::kUnknown};

std::span<const KeyRule> own_rules(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama:
      return kLlama;
    case Architecture::kMistral:
      return kMistral;
    case Architecture::kQwen2:
      return kQwen2;
    case Architecture::kQwen3:
      return kQwen3;
  }
  LLM_CHECK(false, "architecture {} has no key list", static_cast<int>(architecture));
  return {};
}

}  // namespace

const KeyRule& find_key_rule(Architecture architecture, const std::string& key) {
  for (std::span<const KeyRule> rules :
       {own_rules(architecture), std::span<const KeyRule>(kCommon)})
    for (const KeyRule& rule : rules)
      if (key == rule.key) return rule;
  return kNotListed;
}

std::string nearest_key(Architecture architecture, const std::string& unknown_key) {
  std::vector<std::string> known;
  for (std::span<const KeyRule> rules :
       {own_rules(architecture), std::span<const KeyRule>(kCommon)})
    for (const KeyRule& rule : rules)
      if (rule.use != KeyUse::kInert) known.emplace_back(rule.key);
  return core::nearest_name(unknown_key, known);
}

bool is_accepted(const KeyRule& rule, const io::OrderedJson& value) {
  const io::OrderedJson accepted = io::parse_ordered_json(rule.accepted, rule.key);
  const auto is_one = [&](const io::OrderedJson& entry) {
    return std::find(accepted.begin(), accepted.end(), entry) != accepted.end();
  };
  if (!value.is_array()) return is_one(value);
  return !value.empty() && std::all_of(value.begin(), value.end(), is_one);
}

}  // namespace llm::arch
