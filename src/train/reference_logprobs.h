// Log-probabilities of every answer under the model that tuning begins with.
#pragma once

#include <filesystem>
#include <memory>

#include "llm/objectives/preference.h"
#include "train/tune_inputs.h"

namespace llm::train {

// By Batch::document_samples, of training and validation rows. They belong to the run: RUN/data/
// reference.json keeps them for those who resume it, whatever became of the model since then.
class ReferenceLogprobs {
 public:
  ReferenceLogprobs(const std::filesystem::path& run_directory, const TuneInputs& inputs);
  // Of a run that goes on: what it wrote when it began; nothing where that is not there. Throws:
  // IoError, FormatError.
  std::shared_ptr<const objectives::ReferenceLogprobs> read() const;
  // One forward pass over the data, and the file. Throws: IoError.
  std::shared_ptr<const objectives::ReferenceLogprobs> compute(nn::CausalLM& model) const;

 private:
  std::filesystem::path path_;
  const TuneInputs& inputs_;
  size_t num_documents_;
};

}  // namespace llm::train
