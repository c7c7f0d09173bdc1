// The weights of a base model that is not trained, in as little memory as its file allows.
#pragma once

#include <memory>

#include "llm/arch/model_config.h"
#include "llm/convert/weight_source.h"
#include "llm/tensor/parameter_store.h"

namespace llm::convert {

// The layers' matrices stay in the source's quantised blocks, of a fused one where all its parts
// are such; all else is dense in options.dtype: tables, norms, biases. A source without blocks
// gives a plain frozen store. Requires: !options.trainable, the CPU as its device. Throws: what
// load_weights throws.
std::unique_ptr<tensor::ParameterStore> load_frozen_store(const WeightSource& source,
                                                          const arch::ModelConfig& config,
                                                          tensor::StoreOptions options);

}  // namespace llm::convert
