// trainer/optimizer-0000i-of-0000N.safetensors: the two moments of every parameter, as fp32 vectors
// named "exp_avg|NAME|BEGIN:END" and "exp_avg_sq|NAME|BEGIN:END", the half-open element range of
// the flattened parameter that they hold. The parameters are cut in their order into files of at
// most `max_file_bytes`; within a file all first moments come before the second. The layout depends
// on the parameters and that limit alone, never on ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "train/checkpoint_parts.h"

namespace llm::train {

// Makes the files, of their full length; write_parts() fills them. Requires: max_file_bytes > 0.
// Throws: IoError.
void create_optimizer_files(const std::filesystem::path& checkpoint,
                            const tensor::ParameterStore& store, int64_t max_file_bytes);

// What they hold.
std::vector<StoredRange> stored_moments(const tensor::ParameterStore& store,
                                        int64_t max_file_bytes);

// What the store has moments of, from files of any layout. Strict: every element of every parameter
// is there once, and nothing else. The pages of the files do not stay in memory.
// Throws: IoError, FormatError.
void load_optimizer(const std::filesystem::path& checkpoint, tensor::ParameterStore& store);

}  // namespace llm::train
