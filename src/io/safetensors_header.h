// Reads and writes the JSON header of a safetensors file.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/io/safetensors.h"

namespace llm::io {

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  // sorted by offset
  std::map<std::string, std::string> metadata;
};

// `data_size` is how many bytes follow the header. Throws: FormatError.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_size,
                                           const std::string& where);

// Elements x bytes. Throws: FormatError when that is no 63-bit number; `where` names the tensor.
uint64_t tensor_byte_size(const TensorEntry& entry, const std::string& where);

// Length and JSON, padded with spaces to a multiple of 8 bytes.
std::string write_safetensors_header(std::span<const TensorEntry> entries,
                                     const std::map<std::string, std::string>& metadata);

// Gives the entries their offsets, one behind the other, and returns the header. Metadata gets
// "format": "pt" unless it is set.
std::string lay_out_safetensors(std::vector<TensorEntry>& entries,
                                std::map<std::string, std::string> metadata,
                                const std::string& where);

}  // namespace llm::io
