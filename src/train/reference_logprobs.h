// Log-probabilities of every answer under the model that tuning begins with.
#pragma once

#include <memory>

#include "llm/objectives/preference.h"
#include "train/tune_inputs.h"

namespace llm::train {

// By Batch::document_samples, of training and validation rows. One forward pass over the data.
std::shared_ptr<const objectives::ReferenceLogprobs> reference_logprobs(nn::CausalLM& model,
                                                                        const TuneInputs& inputs);

}  // namespace llm::train
