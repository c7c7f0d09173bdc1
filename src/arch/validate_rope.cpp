#include "arch/validate_rope.h"

#include <fmt/format.h>

#include <cmath>

namespace llm::arch {
namespace {

void check_original_length(const ModelConfig& c, Problems& problems) {
  const int64_t original = c.rope_original_length();
  if (original < 1 || original > c.max_position_embeddings)
    problems.add("rope_scaling.original_max_position_embeddings",
                 fmt::format("{} is not between 1 and max_position_embeddings {}", original,
                             c.max_position_embeddings),
                 "Set it to the length the model was trained with before scaling");
}

void check_llama3(const RopeConfig& rope, Problems& problems) {
  if (!(rope.low_freq_factor > 0 && rope.high_freq_factor > rope.low_freq_factor &&
        std::isfinite(rope.high_freq_factor)))
    problems.add("rope_scaling.high_freq_factor",
                 fmt::format("low_freq_factor {} and high_freq_factor {} are not 0 < low < high",
                             rope.low_freq_factor, rope.high_freq_factor),
                 "Llama 3 uses 1 and 4");
}

void check_yarn(const RopeConfig& rope, Problems& problems) {
  if (!(rope.beta_slow > 0 && rope.beta_fast > rope.beta_slow && std::isfinite(rope.beta_fast)))
    problems.add("rope_scaling.beta_fast",
                 fmt::format("beta_slow {} and beta_fast {} are not 0 < slow < fast",
                             rope.beta_slow, rope.beta_fast),
                 "The paper uses 1 and 32");
  if (rope.attention_factor && !(*rope.attention_factor > 0 && *rope.attention_factor < 1e6))
    problems.add("rope_scaling.attention_factor",
                 fmt::format("{} is not a positive number", *rope.attention_factor),
                 "Remove it to have it computed from factor");
  for (const auto& scale : {rope.mscale, rope.mscale_all_dim})
    if (scale && !(*scale >= 0 && *scale < 1e6))
      problems.add("rope_scaling.mscale", fmt::format("{} is negative or not finite", *scale),
                   "Remove it to have the attention factor computed from factor");
}

}  // namespace

void check_rope(const ModelConfig& c, Problems& problems) {
  if (!(c.rope.theta > 1 && std::isfinite(c.rope.theta)))
    problems.add("rope_theta", fmt::format("{} is not a number above 1", c.rope.theta),
                 "Set it to 10000 or more");
  if (c.rope.type == RopeType::kDefault) return;
  if (!(c.rope.factor >= 1 && std::isfinite(c.rope.factor)))
    problems.add("rope_scaling.factor", fmt::format("{} is less than 1", c.rope.factor),
                 "Set it to the wanted length / the trained length");
  if (c.rope.type == RopeType::kDynamic && c.head_dim == 2)
    problems.add("rope_scaling.rope_type", "dynamic needs a head_dim of 4 or more",
                 "Choose another type or a larger head_dim");
  if (c.rope.type == RopeType::kLlama3) check_llama3(c.rope, problems);
  if (c.rope.type == RopeType::kYarn) check_yarn(c.rope, problems);
  if (c.rope.type == RopeType::kLlama3 || c.rope.type == RopeType::kYarn)
    check_original_length(c, problems);
}

}  // namespace llm::arch
