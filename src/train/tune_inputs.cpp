#include "train/tune_inputs.h"

#include <fmt/format.h>

#include <cmath>

#include "llm/arch/rope_frequencies.h"
#include "llm/convert/extended_vocabulary.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/core/rng.h"
#include "llm/text/extend.h"
#include "llm/train/plan.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

fs::path cache_of(const TuneConfig& config, const SessionOptions& options) {
  return config.data.cache.empty() ? options.run_directory / "data" : fs::path(config.data.cache);
}

bool is_wrapped(const TuneConfig& config) { return config.data.packing == data::Packing::kWrapped; }

// Rows that are cut anyway are not truncated before.
corpus::ExampleEncoder make_encoder(const TuneConfig& config, const convert::ModelSource& source) {
  corpus::EncodeConfig encode = config.data.encode;
  if (is_wrapped(config)) encode.max_length = 0;
  std::optional<text::ChatTemplate> chat_template;
  if (encode.chat_template != corpus::kAutoTemplate) {
    chat_template = corpus::example_template(encode, *source.tokenizer);
  } else if (!source.chat_template.empty()) {
    chat_template = text::ChatTemplate::from_jinja(source.chat_template,
                                                   text::template_tokens(*source.tokenizer),
                                                   text::template_origin(source.path));
  }
  return {encode, source.tokenizer, std::move(chat_template)};
}

// What warns a person of data that is not what they think it is.
void report(const corpus::ExampleDataset& dataset, const std::string& split) {
  for (const auto& shard : dataset.shards) {
    const corpus::ExampleCounts& counts = shard.source.counts;
    const uint64_t dropped =
        counts.dropped_too_long + counts.dropped_empty + counts.dropped_untrained;
    core::log_info("{} {}: {} of {} rows kept, {} truncated, {} left out; {} tokens, {} trained",
                   split, shard.source.name, counts.kept, counts.rows, counts.truncated, dropped,
                   counts.tokens, counts.trained_tokens);
  }
}

int64_t longest_document(const corpus::ExampleDataset& dataset) {
  uint64_t longest = 1;
  for (const auto& shard : dataset.shards) longest = std::max(longest, shard.source.counts.longest);
  return static_cast<int64_t>(longest);
}

// Dropout must meet both answers' prompts alike, and rotary frequencies that depend on a document's
// length are not those of the other answer.
bool can_share_prompts(const TuneConfig& config, const TuneInputs& inputs,
                       const SessionOptions& options) {
  const int64_t longest = inputs.validation_examples
                              ? std::max(longest_document(inputs.examples),
                                         longest_document(*inputs.validation_examples))
                              : longest_document(inputs.examples);
  return config.data.share_prompts && !config.lora.has_dropout() && options.device.is_cpu() &&
         !arch::rope_depends_on_length(inputs.source.config, longest);
}

data::ExampleRowsOptions row_options(const TuneConfig& config, const TuneKind& kind,
                                     const corpus::ExampleDataset& dataset) {
  const bool is_preference = kind.task == corpus::ExampleTask::kPreference;
  const int64_t documents = is_preference ? 2 : 1;
  const int64_t max_length = config.data.encode.max_length;
  const int64_t needed = longest_document(dataset) * documents;
  int64_t capacity = config.data.row_tokens;
  if (capacity == 0) capacity = max_length > 0 ? max_length * documents : needed;
  if (config.data.packing == data::Packing::kBestFit && capacity < needed) {
    throw core::ConfigError(
        {"data.row_tokens", fmt::format("room for the longest sample, up to {} tokens", needed),
         std::to_string(capacity), "Set it to 0, or a smaller data.max_length"});
  }
  data::ExampleRowsOptions rows{.is_preference = is_preference,
                                .trains_prompts = kind.trains_prompts,
                                .tokenizer_fingerprint = dataset.tokenizer_fingerprint,
                                .packing = config.data.packing,
                                .capacity = capacity,
                                .window = config.data.packing_window,
                                .seed = static_cast<uint64_t>(config.train.seed),
                                .shuffle = config.data.shuffle};
  for (const auto& shard : dataset.shards) rows.shards.push_back(shard.path);
  return rows;
}

std::unique_ptr<data::TokenDataset> open_replay(const TuneConfig& config,
                                                const convert::ModelSource& source,
                                                int64_t capacity) {
  if (config.data.replay_fraction == 0) return nullptr;
  const auto dataset = corpus::read_prepared_dataset(config.data.replay);
  return std::make_unique<data::TokenDataset>(
      data::TokenDataset::Options{.shards = dataset.train.paths(),
                                  .context_length = capacity,
                                  .tokenizer_fingerprint = source.tokenizer->fingerprint(),
                                  .tokenizer_name = config.model.path});
}

void open_rows(const TuneConfig& config, const TuneKind& kind, const SessionOptions& session,
               TuneInputs& inputs) {
  auto options = row_options(config, kind, inputs.examples);
  options.shares_prompts = options.is_preference && can_share_prompts(config, inputs, session);
  inputs.replay = open_replay(config, inputs.source, options.capacity);
  options.replay = {inputs.replay.get(), config.data.replay_fraction};
  inputs.rows = std::make_unique<data::ExampleRows>(options);
  if (!inputs.validation_examples) return;
  auto validation = row_options(config, kind, *inputs.validation_examples);
  if (is_wrapped(config)) {
    // Validation looks at whole documents.
    validation.packing = data::Packing::kOff;
  }
  validation.shares_prompts = options.shares_prompts;
  validation.shuffle = false;
  validation.first_document = inputs.rows->num_documents_in_all();
  inputs.validation = std::make_unique<data::ExampleRows>(validation);
}

BatchPlan plan_rows(const TuneConfig& config, const data::ExampleRows& rows) {
  const auto& train = config.train;
  if (train.batch_rows % train.micro_batch_rows != 0) {
    throw core::ConfigError(
        {"train.batch_rows",
         fmt::format("a multiple of micro_batch_rows {}", train.micro_batch_rows),
         std::to_string(train.batch_rows), "Change either so that they divide"});
  }
  const double mean =
      static_cast<double>(rows.tokens_in_epoch(0)) / static_cast<double>(rows.rows_in_epoch(0));
  return {train.batch_rows, train.batch_rows / train.micro_batch_rows,
          std::llround(mean * static_cast<double>(train.batch_rows))};
}

int64_t steps_of(const TuneConfig& config, const data::ExampleRows& rows) {
  if (config.train.max_steps > 0) return config.train.max_steps;
  const auto whole = static_cast<int64_t>(std::floor(config.train.epochs));
  double count = 0;
  for (int64_t epoch = 0; epoch < whole; ++epoch)
    count += static_cast<double>(rows.rows_in_epoch(epoch));
  const double rest = config.train.epochs - static_cast<double>(whole);
  if (rest > 0) count += rest * static_cast<double>(rows.rows_in_epoch(whole));
  return std::max<int64_t>(1, std::llround(count / static_cast<double>(config.train.batch_rows)));
}

void warn_of_long_rows(const TuneConfig& config, const TuneInputs& inputs) {
  const int64_t positions = inputs.source.config.max_position_embeddings;
  const int64_t longest =
      is_wrapped(config) ? inputs.rows->options().capacity : longest_document(inputs.examples);
  if (longest <= positions) return;
  core::log_warn(
      "documents of up to {} tokens, but the model's positions reach {}: set data.max_length",
      longest, positions);
}

// Rows that training tables were padded to are used up first.
void take_tokenizer(const TuneConfig& config, TuneInputs& inputs) {
  convert::ModelSource& source = inputs.source;
  const auto tokenizer = text::load_tokenizer(config.model.tokenizer);
  if (!text::is_extension_of(*tokenizer, *source.tokenizer)) {
    throw core::ConfigError({"model.tokenizer",
                             "the tokenizer of " + config.model.path + " with tokens added",
                             config.model.tokenizer + ", in which ids mean other tokens",
                             "Make it with llmtok extend --tokenizer " + config.model.path});
  }
  const int64_t rows = source.config.vocab_size;
  inputs.table_rows = std::max<int64_t>(rows, tokenizer->vocab_size());
  core::log_info("{} tokens added; embedding and head have {} rows, {} of them new",
                 tokenizer->vocab_size() - source.tokenizer->vocab_size(), inputs.table_rows,
                 inputs.table_rows - rows);
  source.tokenizer = tokenizer;
  if (!tokenizer->chat_template().empty()) source.chat_template = tokenizer->chat_template();
  if (config.lora.r > 0) return;
  source.config.vocab_size = inputs.table_rows;
  source.weights = convert::extend_vocabulary(std::move(source.weights), inputs.table_rows);
}

}  // namespace

uint64_t TuneInputs::data_fingerprint() const {
  const uint64_t replayed = replay ? replay->fingerprint() : 0;
  return core::mix_seed(rows->fingerprint(), replayed);
}

std::vector<std::string> TuneInputs::source_names() const {
  std::vector<std::string> names;
  const auto& dataset = validation_examples ? *validation_examples : examples;
  for (const auto& shard : dataset.shards) names.push_back(shard.source.name);
  return names;
}

TuneInputs open_tuning(const TuneConfig& config, const TuneKind& kind,
                       const SessionOptions& options, const TuneHooks& hooks) {
  validate(config);
  TuneInputs inputs;
  inputs.source = convert::open_model(config.model.path, {.need_tokenizer = true});
  if (!config.model.tokenizer.empty()) take_tokenizer(config, inputs);
  const corpus::ExampleEncoder encoder = make_encoder(config, inputs.source);
  inputs.chat_template =
      encoder.chat_template() ? encoder.chat_template()->jinja() : inputs.source.chat_template;
  const auto prepare = [&](const auto& sources, const std::string& split) {
    auto examples = corpus::prepare_examples(sources, encoder, cache_of(config, options) / split,
                                             {.num_threads = options.num_threads,
                                              .task = kind.task,
                                              .progress = hooks.on_read,
                                              .where = "data." + split});
    report(examples, split);
    return examples;
  };
  inputs.examples = prepare(config.data.train, "train");
  if (!config.data.validation.empty())
    inputs.validation_examples = prepare(config.data.validation, "validation");
  open_rows(config, kind, options, inputs);
  inputs.batch = plan_rows(config, *inputs.rows);
  inputs.total_steps = steps_of(config, *inputs.rows);
  warn_of_long_rows(config, inputs);
  return inputs;
}

}  // namespace llm::train
