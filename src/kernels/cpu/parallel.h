// Static partition of loops over the CPU threads: part p of P works on [n p / P, n (p + 1) / P), so
// that results depend on the thread count and nothing else.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace llm::kernels::cpu {

// As many parts as threads, unless they would be smaller than `grain`.
inline int64_t num_parts(int64_t n, int64_t grain) {
  return std::clamp((n + grain - 1) / grain, int64_t{1}, int64_t{at::get_num_threads()});
}

// body(part, begin, end) for each of num_parts(n, grain) parts.
template <class Body>
void parallel_parts(int64_t n, int64_t grain, const Body& body) {
  const int64_t parts = num_parts(n, grain);
  at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      body(part, n * part / parts, n * (part + 1) / parts);
    }
  });
}

// Rows of `width` numbers per part that are worth a thread.
inline int64_t row_grain(int64_t width) {
  return std::max(int64_t{16384} / (width + 1), int64_t{1});
}

}  // namespace llm::kernels::cpu
