#include "train/reference_logprobs.h"

#include <cmath>

#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"

namespace llm::train {

namespace {

constexpr const char* kDataKey = "data_fingerprint";
constexpr const char* kLogprobsKey = "logprobs";

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

size_t count_documents(const TuneInputs& inputs) {
  int64_t documents = inputs.rows->num_documents_in_all();
  if (inputs.validation) documents += inputs.validation->num_documents_in_all();
  return static_cast<size_t>(documents);
}

}  // namespace

ReferenceLogprobs::ReferenceLogprobs(const std::filesystem::path& run_directory,
                                     const TuneInputs& inputs)
    : path_(run_directory / "data" / "reference.json"),
      inputs_(inputs),
      num_documents_(count_documents(inputs)) {}

std::shared_ptr<const objectives::ReferenceLogprobs> ReferenceLogprobs::read() const {
  if (!std::filesystem::exists(path_)) return nullptr;
  const io::Json json = io::read_json_file(path_);
  const bool is_ours = json.is_object() && json.contains(kLogprobsKey) &&
                       json.value(kDataKey, "") == io::hex64(inputs_.data_fingerprint()) &&
                       json[kLogprobsKey].size() == num_documents_;
  if (!is_ours) {
    throw core::FormatError({path_.string(), "log-probabilities of this run's answers",
                             "those of other data", "Remove it: they are computed again"});
  }
  auto reference = std::make_shared<objectives::ReferenceLogprobs>();
  for (const io::Json& value : json[kLogprobsKey])
    reference->push_back(value.is_number() ? value.get<double>() : NAN);
  return reference;
}

std::shared_ptr<const objectives::ReferenceLogprobs> ReferenceLogprobs::compute(
    nn::CausalLM& model) const {
  core::log_info("log-probabilities of {} answers under the reference", num_documents_);
  auto reference = std::make_shared<objectives::ReferenceLogprobs>(num_documents_, NAN);
  score_rows(model, *inputs_.rows, *reference);
  if (inputs_.validation) score_rows(model, *inputs_.validation, *reference);
  const io::Json json = {{kDataKey, io::hex64(inputs_.data_fingerprint())},
                         {kLogprobsKey, *reference}};
  std::filesystem::create_directories(path_.parent_path());
  io::write_file_atomically(path_, json.dump() + "\n");
  return reference;
}

}  // namespace llm::train
