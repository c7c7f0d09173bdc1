#include "train/reference_logprobs.h"

#include <cmath>

#include "llm/core/log.h"

namespace llm::train {

namespace {

void score_rows(nn::CausalLM& model, const data::ExampleRows& rows,
                objectives::ReferenceLogprobs& reference) {
  for (int64_t i = 0; i < rows.rows_in_epoch(0); ++i) {
    const data::Batch batch =
        data::collate({rows.row({0, i})}, rows.max_documents_per_row()).to(model.store().device());
    const auto logprobs = objectives::answer_logprobs(model, batch);
    for (size_t d = 0; d < logprobs.size(); ++d) {
      reference.at(static_cast<size_t>(batch.document_samples[d])) = logprobs[d];
    }
  }
}

}  // namespace

std::shared_ptr<const objectives::ReferenceLogprobs> reference_logprobs(nn::CausalLM& model,
                                                                        const TuneInputs& inputs) {
  int64_t documents = inputs.rows->num_documents_in_all();
  if (inputs.validation) documents += inputs.validation->num_documents_in_all();
  core::log_info("log-probabilities of {} answers under the reference", documents);
  auto reference =
      std::make_shared<objectives::ReferenceLogprobs>(static_cast<size_t>(documents), NAN);
  score_rows(model, *inputs.rows, *reference);
  if (inputs.validation) score_rows(model, *inputs.validation, *reference);
  return reference;
}

}  // namespace llm::train
