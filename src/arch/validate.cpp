#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "arch/problems.h"
#include "arch/validate_rope.h"
#include "llm/arch/model_config.h"

namespace llm::arch {
namespace {

// Sizes reach kernels and files as 32-bit numbers; a parameter count beyond 2^56 overflows byte
// sizes of optimizer state.
constexpr int64_t kLargestSize = (int64_t{1} << 31) - 1;
constexpr double kMostParameters = 0x1p56;
// Hundreds of times what any published model has; lists per layer and tables per head stay small.
constexpr int64_t kMostLayers = 65536;
constexpr int64_t kMostHeads = 65536;
constexpr int64_t kLargestHeadDim = 65536;

struct SizeRule {
  const char* key;
  int64_t size;
  int64_t largest = kLargestSize;
};

void check_sizes(const ModelConfig& c, Problems& problems) {
  const SizeRule rules[] = {
      {"vocab_size", c.vocab_size},
      {"hidden_size", c.hidden_size},
      {"intermediate_size", c.intermediate_size},
      {"num_hidden_layers", c.num_hidden_layers, kMostLayers},
      {"num_attention_heads", c.num_attention_heads, kMostHeads},
      {"num_key_value_heads", c.num_key_value_heads, kMostHeads},
      {"max_position_embeddings", c.max_position_embeddings},
  };
  for (const auto& [key, size, largest] : rules) {
    if (size < 1) problems.add(key, fmt::format("{} is less than 1", size), "Set it to 1 or more");
    if (size > largest)
      problems.add(key, fmt::format("{} is too large", size),
                   fmt::format("Set it to {} or less", largest));
  }
}

struct NearestDivisors {
  int64_t below = 0;  // largest divisor <= x; 0: none
  int64_t above = 0;  // smallest divisor >= x; 0: none
};

// Requires: n >= 1.
NearestDivisors nearest_divisors(int64_t n, int64_t x) {
  NearestDivisors out;
  const auto offer = [&](int64_t divisor) {
    if (divisor <= x) out.below = std::max(out.below, divisor);
    if (divisor >= x && (out.above == 0 || divisor < out.above)) out.above = divisor;
  };
  for (int64_t i = 1; i <= n / i; ++i) {
    if (n % i != 0) continue;
    offer(i);
    offer(n / i);
  }
  return out;
}

// The head counts next to the given one that divide hidden_size into heads of even size.
std::string fitting_heads_text(const ModelConfig& c) {
  if (c.hidden_size % 2 != 0) return "Set hidden_size to a multiple of 2 * num_attention_heads";
  const NearestDivisors fit = nearest_divisors(c.hidden_size / 2, c.num_attention_heads);
  std::vector<std::string> choices;
  for (const int64_t heads : {fit.above, fit.below})
    if (heads != 0)
      choices.push_back(fmt::format("{} (head_dim {})", heads, c.hidden_size / heads));
  return fmt::format("Set num_attention_heads to {}", fmt::join(choices, " or "));
}

std::string ratio_text(const ModelConfig& c) {
  return fmt::format(
      "hidden_size / num_attention_heads = {}/{} = {:.2f} is not whole", c.hidden_size,
      c.num_attention_heads,
      static_cast<double>(c.hidden_size) / static_cast<double>(c.num_attention_heads));
}

void check_head_dim(const ModelConfig& c, Problems& problems) {
  const auto in_range = [](int64_t size) { return size >= 1 && size <= kLargestSize; };
  if (!in_range(c.hidden_size) || !in_range(c.num_attention_heads)) return;
  const bool is_whole = c.hidden_size % c.num_attention_heads == 0;
  const bool is_llama = c.architecture == Architecture::kLlama;
  if (c.head_dim == 0 && !is_whole) {
    problems.add("head_dim", ratio_text(c),
                 fitting_heads_text(c) + (is_llama ? "" : ", or state an even head_dim"));
    return;
  }
  if (c.head_dim < 1 || c.head_dim > kLargestHeadDim || c.head_dim % 2 != 0) {
    const bool is_derived = c.head_dim * c.num_attention_heads == c.hidden_size;
    problems.add("head_dim",
                 fmt::format("{} is not an even number from 2 to {}", c.head_dim, kLargestHeadDim),
                 is_derived ? fitting_heads_text(c) : "Usual sizes are 64 and 128");
  }
  if (is_llama && !is_whole)
    problems.add("num_attention_heads",
                 ratio_text(c) + ", and transformers refuses such a Llama with any head_dim",
                 fitting_heads_text(c) + ", or use model_type qwen3 or mistral");
}

void check_kv_heads(const ModelConfig& c, Problems& problems) {
  const int64_t heads = c.num_attention_heads, kv = c.num_key_value_heads;
  if (heads < 1 || heads > kLargestSize || kv < 1 || heads % kv == 0) return;
  const NearestDivisors fit = nearest_divisors(heads, std::min(kv, heads));
  problems.add("num_key_value_heads",
               fmt::format("{} does not divide num_attention_heads {}", kv, heads),
               fit.below == fit.above ? fmt::format("Set it to {}", fit.below)
                                      : fmt::format("Set it to {} or {}", fit.below, fit.above));
}

void check_token_id(const std::string& key, int64_t id, const ModelConfig& c, Problems& problems) {
  if (id >= 0 && id < c.vocab_size) return;
  problems.add(key, fmt::format("{} is outside of the vocabulary of {}", id, c.vocab_size),
               fmt::format("Set it to null or to an id from 0 to {}", c.vocab_size - 1));
}

void check_tokens(const ModelConfig& c, Problems& problems) {
  if (c.vocab_size < 1) return;
  if (c.bos_token_id) check_token_id("bos_token_id", *c.bos_token_id, c, problems);
  if (c.pad_token_id) check_token_id("pad_token_id", *c.pad_token_id, c, problems);
  for (const int64_t id : c.eos_token_ids) check_token_id("eos_token_id", id, c, problems);
}

void check_biases(const ModelConfig& c, Problems& problems) {
  const bool is_llama = c.architecture == Architecture::kLlama;
  if (c.attention_bias && !is_llama && c.architecture != Architecture::kQwen3)
    problems.add("attention_bias",
                 fmt::format("{} has no such switch", model_type_name(c.architecture)),
                 "Set it to false, or use model_type llama or qwen3");
  if (c.mlp_bias && !is_llama)
    problems.add("mlp_bias", fmt::format("{} has no such switch", model_type_name(c.architecture)),
                 "Set it to false, or use model_type llama");
}

void check_numbers(const ModelConfig& c, Problems& problems) {
  if (!(c.rms_norm_eps > 0 && c.rms_norm_eps < 1))
    problems.add("rms_norm_eps", fmt::format("{} is not between 0 and 1", c.rms_norm_eps),
                 "Set it to 1e-6 or 1e-5");
  if (!(c.initializer_range >= 0 && c.initializer_range <= 1))
    problems.add("initializer_range", fmt::format("{} is not in [0, 1]", c.initializer_range),
                 "Set it to 0.02");
  if (c.dtype != "float32" && c.dtype != "bfloat16" && c.dtype != "float16")
    problems.add("torch_dtype", fmt::format("\"{}\" is not supported", c.dtype),
                 "Set it to float32, bfloat16 or float16");
}

// In doubles, because the product is what may overflow.
void check_total(const ModelConfig& c, Problems& problems) {
  const double hidden = static_cast<double>(c.hidden_size);
  const double heads = static_cast<double>(c.num_attention_heads + c.num_key_value_heads);
  const double per_layer = 2 * hidden * heads * static_cast<double>(c.head_dim) +
                           3 * hidden * static_cast<double>(c.intermediate_size);
  const double total = 2 * hidden * static_cast<double>(c.vocab_size) +
                       static_cast<double>(c.num_hidden_layers) * per_layer;
  if (total > kMostParameters)
    problems.add("num_hidden_layers", fmt::format("the model has {:.3g} parameters", total),
                 "Choose smaller sizes: their product overflows");
}

}  // namespace

void validate(const ModelConfig& config, const std::string& where) {
  Problems problems;
  check_sizes(config, problems);
  check_head_dim(config, problems);
  check_kv_heads(config, problems);
  check_tokens(config, problems);
  check_biases(config, problems);
  check_numbers(config, problems);
  check_rope(config, problems);
  if (problems.empty()) check_total(config, problems);
  problems.throw_if_any(where, "a model that can be built");
}

}  // namespace llm::arch
