// What one rank writes of a checkpoint. The files' headers are rank 0's; every rank then writes the
// numbers of its part of the flat parameters at their places, so that the files are the same
// whatever ranks wrote them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/tensor/parameter_store.h"

namespace llm::train {

// A run of parameters with their moments; views of a store, or copies.
struct SavedPart {
  tensor::ArenaRange range;
  at::Tensor weights, exp_avg, exp_avg_sq;  // [range.numel] each
};

// Views of the store. Requires: it has moments of all of `ranges`.
std::vector<SavedPart> parts_of(const tensor::ParameterStore& store,
                                const std::vector<tensor::ArenaRange>& ranges);
// Copies in this machine's memory.
std::vector<SavedPart> copy_parts(const std::vector<SavedPart>& parts);
int64_t num_bytes(const std::vector<SavedPart>& parts);

// A tensor of a file, and which run of which of a part's vectors it holds.
struct StoredRange {
  std::string name;
  tensor::ArenaRange range;
  at::Tensor SavedPart::*values = nullptr;
};

// Writes what `parts` have of `stored` into the safetensors files of the checkpoint, and flushes
// every one of these to disk. Throws: IoError.
void write_parts(const std::filesystem::path& checkpoint, const std::vector<StoredRange>& stored,
                 const std::vector<SavedPart>& parts);

}  // namespace llm::train
