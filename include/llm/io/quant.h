// The block types of GGUF tensors (ggml's quantisation types): how large a block is, and codecs
// from and to fp32. A row of a tensor is a whole number of blocks; rows follow each other without
// padding. docs/formats.md gives the layout of every block.
//
// Decoding equals gguf.quants.dequantize of the Python package gguf bit for bit. So does the
// encoding of F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 equal gguf.quants.quantize. Q4_K, Q5_K
// and Q6_K are encoded by a search for the scales of the least weighted squared error. No function
// depends on the machine: results are equal bytes everywhere. All are safe to call from many
// threads, and use one: callers share out rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace llm::io {

// The values are those of the file format.
enum class GgmlType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41
};

struct QuantBlock {
  GgmlType type = GgmlType::kF32;
  const char* name = "F32";  // the format's spelling
  int64_t values = 1;        // per block
  int64_t bytes = 4;         // per block
  bool can_decode = false;
  bool can_encode = false;
  bool uses_importance = false;  // encoding takes QuantizeOptions::importance

  double bits_per_weight() const {
    return 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
  }
};

const QuantBlock& quant_block(GgmlType type);
// nullptr for a number that names no type.
const QuantBlock* find_quant_block(uint32_t type);
// By name, in any case: "q4_k". nullptr when there is none.
const QuantBlock* find_quant_block(std::string_view name);

// Bytes of a tensor, or of any whole number of blocks.
// Requires: values >= 0 and a multiple of the block's values.
uint64_t quant_bytes(GgmlType type, uint64_t values);

// Throws: FormatError naming `where` when there is no decoder for the type.
void require_decoder(GgmlType type, const std::string& where);

// Requires: can_decode; out.size() is a multiple of the block's values and bytes.size() is
// quant_bytes of it.
void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

struct QuantizeOptions {
  // One weight >= 0 and finite for each column of the tensor: how much the square of its error
  // counts (of an imatrix: the mean square of that input). Empty: the default weights, which grow
  // with the magnitude of a value. Requires: empty unless uses_importance; else a multiple of the
  // block's values that divides the number of values.
  std::span<const float> importance = {};
  std::string where = "tensor";  // names the tensor in errors
  uint64_t first_value = 0;      // index in the tensor of the first value, for errors
};

// Requires: can_encode; values.size() is a multiple of the block's values and out.size() is
// quant_bytes of it.
// Throws: NumericError naming `where` and the position of a value that is NaN or infinite, or that
// is too large for the type (its half-precision scale would be infinite).
void quantize(GgmlType type, std::span<const float> values, std::span<std::byte> out,
              const QuantizeOptions& options = {});

}  // namespace llm::io
