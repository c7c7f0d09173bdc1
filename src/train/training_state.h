// The buffers that training needs beside weights.
#pragma once

#include "llm/dist/process_group.h"
#include "llm/tensor/parameter_store.h"
#include "llm/train/run_sections.h"

namespace llm::train {

// Gradients, and the moments of what this rank updates.
void allocate_training_state(tensor::ParameterStore& store, const dist::ProcessGroup& group,
                             const DistSection& config);

}  // namespace llm::train
