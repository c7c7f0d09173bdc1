// For functions whose loops gain from wider vectors: built for plain x86-64 and for AVX2, and the
// loader picks one. AVX2 without FMA: a fused multiply-add would change results, and the formats'
// reference has none. (Sanitizers instrument the picking, which runs before they are ready.)
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LLM_QUANT_CLONES __attribute__((target_clones("default", "avx2")))
#else
#define LLM_QUANT_CLONES
#endif
#define LLM_QUANT_INLINE inline __attribute__((always_inline))
