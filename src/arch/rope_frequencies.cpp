#include "llm/arch/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "llm/core/check.h"

namespace llm::arch {
namespace {

// base^(2i / dim), in fp32 as torch computes it.
std::vector<float> position_frequencies(float base, int64_t dim) {
  std::vector<float> out(static_cast<size_t>(dim / 2));
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = std::pow(base, static_cast<float>(2 * i) / static_cast<float>(dim));
  return out;
}

std::vector<float> inverse_frequencies(float base, int64_t dim) {
  std::vector<float> out = position_frequencies(base, dim);
  for (float& value : out) value = 1.0F / value;
  return out;
}

// theta * (factor * n / L - (factor - 1))^(dim / (dim - 2)). Within the trained length transformers
// computes in doubles with n = L, beyond it in fp32.
float dynamic_base(const ModelConfig& c, int64_t length) {
  const auto theta = static_cast<float>(c.rope.theta);
  if (length <= c.max_position_embeddings) return theta;
  const double exponent = static_cast<double>(c.head_dim) / static_cast<double>(c.head_dim - 2);
  const float stretched = static_cast<float>(c.rope.factor) * static_cast<float>(length) /
                          static_cast<float>(c.max_position_embeddings);
  const float growth = stretched - static_cast<float>(c.rope.factor - 1);
  return theta * std::pow(growth, static_cast<float>(exponent));
}

// The pair of dimensions between which yarn's ramp rises, low and high.
std::pair<double, double> correction_range(const ModelConfig& c) {
  const auto dim = static_cast<double>(c.head_dim);
  const auto original = static_cast<double>(c.rope_original_length());
  const auto correction = [&](double rotations) {
    return dim * std::log(original / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(c.rope.theta));
  };
  double low = correction(c.rope.beta_fast), high = correction(c.rope.beta_slow);
  if (c.rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  return {low, low == high ? high + 0.001 : high};
}

std::vector<float> yarn_frequencies(const ModelConfig& c) {
  const auto [low, high] = correction_range(c);
  const auto factor = static_cast<float>(c.rope.factor);
  std::vector<float> out = position_frequencies(static_cast<float>(c.rope.theta), c.head_dim);
  for (size_t i = 0; i < out.size(); ++i) {
    const float rise =
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float kept = 1.0F - std::clamp(rise, 0.0F, 1.0F);
    out[i] = 1.0F / (factor * out[i]) * (1.0F - kept) + 1.0F / out[i] * kept;
  }
  return out;
}

double yarn_attention_factor(const RopeConfig& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  const auto scale = [&](double mscale) {
    return rope.factor <= 1 ? 1.0 : 0.1 * mscale * std::log(rope.factor) + 1.0;
  };
  const double mscale = rope.mscale.value_or(0), all_dim = rope.mscale_all_dim.value_or(0);
  return mscale != 0 && all_dim != 0 ? scale(mscale) / scale(all_dim) : scale(1);
}

float llama3_frequency(float frequency, const ModelConfig& c) {
  const double original = static_cast<double>(c.rope_original_length());
  const auto factor = static_cast<float>(c.rope.factor);
  const auto low = static_cast<float>(c.rope.low_freq_factor);
  const auto range = static_cast<float>(c.rope.high_freq_factor - c.rope.low_freq_factor);
  const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
  if (wavelength < static_cast<float>(original / c.rope.high_freq_factor)) return frequency;
  if (wavelength > static_cast<float>(original / c.rope.low_freq_factor)) return frequency / factor;
  const float smooth = (static_cast<float>(original) / wavelength - low) / range;
  return (1.0F - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

RopeFrequencies rope_frequencies(const ModelConfig& config, int64_t sequence_length) {
  LLM_CHECK(sequence_length >= 0 && config.head_dim > 0 && config.head_dim % 2 == 0);
  const auto theta = static_cast<float>(config.rope.theta);
  RopeFrequencies out;
  switch (config.rope.type) {
    case RopeType::kDefault:
    case RopeType::kLinear:
    case RopeType::kLlama3:
      out.inverse = inverse_frequencies(theta, config.head_dim);
      break;
    case RopeType::kDynamic:
      out.inverse = inverse_frequencies(dynamic_base(config, sequence_length), config.head_dim);
      break;
    case RopeType::kYarn:
      out.inverse = yarn_frequencies(config);
      out.attention_factor = yarn_attention_factor(config.rope);
      break;
  }
  for (float& frequency : out.inverse) {
    if (config.rope.type == RopeType::kLinear) frequency /= static_cast<float>(config.rope.factor);
    if (config.rope.type == RopeType::kLlama3) frequency = llama3_frequency(frequency, config);
  }
  return out;
}

bool rope_depends_on_length(const ModelConfig& config, int64_t length) {
  return config.rope.type == RopeType::kDynamic && length > config.max_position_embeddings;
}

}  // namespace llm::arch
