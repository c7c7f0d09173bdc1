// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as
// 1, 2, 3", SC 2011). A value is a pure function of (key, counter): no state to save, no order to
// keep, the same on every rank.
#pragma once

#include <array>
#include <cstdint>

namespace llm::core {

using PhiloxBlock = std::array<uint32_t, 4>;
PhiloxBlock philox4x32(uint64_t key, PhiloxBlock counter);

// A stream of numbers for one purpose. Streams of different (seed, stream) are independent.
// Copyable; not thread-safe.
class PhiloxStream {
 public:
  explicit PhiloxStream(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  uint32_t next_u32();
  uint64_t next_u64();
  double next_double();  // uniform in [0, 1), 53 bits
  // Uniform in [0, bound), without modulo bias. Requires: bound > 0.
  uint64_t next_below(uint64_t bound);
  double next_normal();  // Box-Muller, one value per call

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t block_ = 0;
  PhiloxBlock buffer_{};
  int used_ = 4;
};

// Mixes integers into one 64-bit seed (splitmix64 finaliser over a running state).
uint64_t mix_seed(uint64_t a, uint64_t b);

// A bijection of [0, size) that is a pure function of (seed, index): a balanced Feistel network
// with cycle walking. O(1) memory. Serves the data order of design section 1.5.
class Permutation {
 public:
  Permutation(uint64_t size, uint64_t seed);  // Requires: size > 0
  uint64_t operator()(uint64_t index) const;  // Requires: index < size
  uint64_t size() const { return size_; }

 private:
  uint64_t size_;
  uint64_t seed_;
  int half_bits_;
};

}  // namespace llm::core
