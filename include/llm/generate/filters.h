// The steps of sampling, each a small class: it narrows down the candidates or changes their
// logits. Sampler (sampler.h) puts them in order.
#pragma once

#include <cstdint>
#include <span>

#include "llm/generate/candidates.h"

namespace llm::generate {

class Filter {
 public:
  virtual ~Filter() = default;
  // `history`: prompt and reply so far. At least one candidate remains.
  virtual void apply(Candidates& candidates, std::span<const int32_t> history) const = 0;
};

// For a token that occurs c > 0 times among the last n: z becomes z / repeat for z > 0 and
// z * repeat otherwise (Keskar et al. 2019, CTRL, with the sign fixed as in llama.cpp and
// transformers), then z - c * frequency - presence.
class Penalties : public Filter {
 public:
  struct Settings {
    double repeat = 1.0;
    double presence = 0.0;
    double frequency = 0.0;
    int64_t last_n = 64;  // -1: the whole history
  };
  explicit Penalties(const Settings& settings) : settings_(settings) {}
  void apply(Candidates& candidates, std::span<const int32_t> history) const override;

 private:
  Settings settings_;
};

// The k likeliest. Requires: k > 0.
class TopK : public Filter {
 public:
  explicit TopK(int64_t k) : k_(k) {}
  void apply(Candidates& candidates, std::span<const int32_t> history) const override;

 private:
  int64_t k_;
};

// The shortest run of likeliest candidates whose probabilities, among the candidates, sum to at
// least p (Holtzman et al. 2020). Requires: 0 < p < 1.
class TopP : public Filter {
 public:
  explicit TopP(double p) : p_(p) {}
  void apply(Candidates& candidates, std::span<const int32_t> history) const override;

 private:
  double p_;
};

// Candidates with at least p times the probability of the likeliest (Nguyen et al. 2024): z >= max
// + ln p. Requires: 0 < p <= 1.
class MinP : public Filter {
 public:
  explicit MinP(double p) : p_(p) {}
  void apply(Candidates& candidates, std::span<const int32_t> history) const override;

 private:
  double p_;
};

// z / t; t = 0 leaves the likeliest candidate alone.
class Temperature : public Filter {
 public:
  explicit Temperature(double temperature) : temperature_(temperature) {}
  void apply(Candidates& candidates, std::span<const int32_t> history) const override;

 private:
  double temperature_;
};

}  // namespace llm::generate
