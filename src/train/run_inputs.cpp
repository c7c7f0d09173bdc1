#include <fmt/format.h>

#include "llm/convert/model_directory.h"
#include "llm/core/arith.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/train/session.h"

namespace llm::train {

namespace {

constexpr int64_t kVocabularyMultiple = 64;  // rows of the embedding, for efficient products

void adopt_tokenizer(arch::ModelConfig& model, const text::Tokenizer& tokenizer) {
  const int64_t rows = core::round_up<int64_t>(tokenizer.vocab_size(), kVocabularyMultiple);
  if (rows != model.vocab_size) {
    core::log_info(
        "vocab_size {} of the model config becomes {}: the tokenizer's {} ids, rounded up to a "
        "multiple of {}",
        model.vocab_size, rows, tokenizer.vocab_size(), kVocabularyMultiple);
  }
  model.vocab_size = rows;
  model.bos_token_id = tokenizer.bos_id();
  model.pad_token_id = tokenizer.pad_id();
  model.eos_token_ids.clear();
  if (tokenizer.eos_id()) model.eos_token_ids.push_back(*tokenizer.eos_id());
}

void require_room_for(const text::Tokenizer& tokenizer, const arch::ModelConfig& model) {
  if (tokenizer.vocab_size() <= model.vocab_size) return;
  throw core::ConfigError({"model.init_from",
                           fmt::format("a vocabulary of at least {} ids", tokenizer.vocab_size()),
                           fmt::format("vocab_size {}", model.vocab_size),
                           "Prepare the data with the tokenizer of that model"});
}

}  // namespace

arch::ModelConfig read_model(const RunConfig& config) {
  validate(config);
  if (!config.model.init_from.empty()) return convert::open_model(config.model.init_from).config;
  const std::string& file = config.model.config;
  arch::ReadReport report;
  const arch::ModelConfig model = arch::read_model_config(file, {}, &report);
  for (const std::string& key : report.unknown_keys) {
    const std::string nearest = arch::nearest_key(model.architecture, key);
    core::log_warn("{}: unknown key \"{}\", which changes nothing{}", file, key,
                   nearest.empty() ? "" : fmt::format(". Did you mean \"{}\"?", nearest));
  }
  return model;
}

RunInputs read_inputs(const RunConfig& config) {
  RunInputs inputs;
  inputs.model = read_model(config);
  inputs.dataset = corpus::read_prepared_dataset(config.data.path);
  inputs.tokenizer = text::load_tokenizer(config.data.tokenizer.empty()
                                              ? inputs.dataset.tokenizer
                                              : std::filesystem::path(config.data.tokenizer));
  const bool is_new = !config.model.config.empty();
  if (is_new) {
    adopt_tokenizer(inputs.model, *inputs.tokenizer);
  } else {
    require_room_for(*inputs.tokenizer, inputs.model);
  }
  arch::validate(inputs.model, is_new ? config.model.config : config.model.init_from);
  return inputs;
}

}  // namespace llm::train
