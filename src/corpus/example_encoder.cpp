#include "llm/corpus/example_encoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "corpus/blank.h"
#include "corpus/example_dialogue_encoder.h"
#include "corpus/example_draft.h"
#include "corpus/example_messages.h"
#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::corpus {
namespace {

TrainOn resolved(TrainOn train_on, ExampleFormat format) {
  if (format == ExampleFormat::kPreference) return TrainOn::kCompletion;
  if (train_on != TrainOn::kAuto) return train_on;
  const bool is_dialogue = format == ExampleFormat::kMessages || format == ExampleFormat::kSharegpt;
  return is_dialogue ? TrainOn::kAssistant : TrainOn::kCompletion;
}

bool has_silent_assistant(const io::OrderedJson& messages) {
  return std::ranges::any_of(messages, [](const io::OrderedJson& message) {
    return has_role(message, "assistant") && says_nothing(message);
  });
}

// Whether an answer that would be trained is empty.
bool is_empty(const Example& example, TrainOn train_on) {
  switch (example.kind) {
    case ExampleKind::kText:
      return is_blank(example.text);
    case ExampleKind::kTokens:
      return std::ranges::any_of(example.documents,
                                 [](const TrainingDocument& one) { return one.ids.empty(); });
    default:
      return has_silent_assistant(example.completion) || has_silent_assistant(example.rejected) ||
             (train_on == TrainOn::kAssistant && has_silent_assistant(example.prompt));
  }
}

// The last run of trained ids stands for the answer.
Draft draft_of_tokens(const Example& example, const TrainingDocument& document,
                      const text::Tokenizer& tokenizer) {
  for (const int32_t id : document.ids) {
    if (id < tokenizer.vocab_size()) continue;
    throw core::DataError(
        {.where = example.where,
         .expected = fmt::format("ids below {}, as the tokenizer has them", tokenizer.vocab_size()),
         .got = std::to_string(id),
         .hint = "The ids belong to another tokenizer"});
  }
  Draft draft;
  draft.document = document;
  const std::vector<bool>& trained = draft.document.trained;
  size_t end = trained.size();
  while (end > 0 && !trained[end - 1]) --end;
  size_t begin = end;
  while (begin > 0 && trained[begin - 1]) --begin;
  draft.answer = {begin, begin, end};
  const auto first = std::ranges::find(trained, true);
  draft.prompt_end = static_cast<size_t>(first - trained.begin());
  return draft;
}

void require_one_prompt(const Example& example, const std::vector<Draft>& drafts) {
  const auto prompt = [](const Draft& draft) {
    return std::span(draft.document.ids).first(draft.prompt_end);
  };
  if (std::ranges::equal(prompt(drafts[0]), prompt(drafts[1]))) return;
  throw core::DataError({.where = example.where,
                         .expected = "one prompt before the chosen and the rejected answer",
                         .got = fmt::format("two of {} and {} tokens that differ",
                                            drafts[0].prompt_end, drafts[1].prompt_end),
                         .hint = example.kind == ExampleKind::kTokens
                                     ? "Labels of -100 mark the prompt"
                                     : "The template writes it in two ways: choose another"});
}

}  // namespace

const std::vector<std::pair<TrainOn, std::string>>& config_enum_names(TrainOn) {
  static const std::vector<std::pair<TrainOn, std::string>> names = {
      {TrainOn::kAuto, "auto"},
      {TrainOn::kAssistant, "assistant"},
      {TrainOn::kCompletion, "completion"},
      {TrainOn::kAll, "all"},
      {TrainOn::kLast, "last"}};
  return names;
}

const std::vector<std::pair<Truncation, std::string>>& config_enum_names(Truncation) {
  static const std::vector<std::pair<Truncation, std::string>> names = {
      {Truncation::kKeepEndOfTurn, "keep_end_of_turn"}, {Truncation::kDrop, "drop"}};
  return names;
}

std::optional<text::ChatTemplate> example_template(const EncodeConfig& config,
                                                   const text::Tokenizer& tokenizer,
                                                   const std::string& origin) {
  if (config.chat_template == kNoTemplate) return std::nullopt;
  text::TemplateTokens tokens = text::template_tokens(tokenizer);
  if (config.chat_template != kAutoTemplate)
    return text::find_template(config.chat_template, std::move(tokens));
  if (tokenizer.chat_template().empty()) return std::nullopt;
  return text::ChatTemplate::from_jinja(tokenizer.chat_template(), std::move(tokens),
                                        origin.empty() ? "the model's own" : origin);
}

ExampleEncoder::ExampleEncoder(EncodeConfig config,
                               std::shared_ptr<const text::Tokenizer> tokenizer,
                               std::optional<text::ChatTemplate> chat_template)
    : config_(std::move(config)),
      tokenizer_(std::move(tokenizer)),
      template_(std::move(chat_template)) {
  LLM_CHECK(tokenizer_ != nullptr);
}

std::vector<Draft> ExampleEncoder::drafts_of(const Example& example, TrainOn train_on) const {
  if (example.kind == ExampleKind::kText) return {encode_text(example, *tokenizer_)};
  std::vector<Draft> drafts;
  if (example.kind == ExampleKind::kTokens) {
    for (const TrainingDocument& document : example.documents)
      drafts.push_back(draft_of_tokens(example, document, *tokenizer_));
    return drafts;
  }
  if (!template_ && config_.chat_template != kNoTemplate)
    throw core::ConfigError(
        {.where = "template",
         .expected = "a chat template, for dialogues",
         .got = "auto, and the model has none",
         .hint = "Name one (" + fmt::format("{}", fmt::join(text::named_templates(), ", ")) +
                 ", or a Jinja file), or say none for plain prompts and answers"});
  for (const io::OrderedJson* answer : {&example.completion, &example.rejected}) {
    if (answer->empty()) continue;
    const Dialogue dialogue{example, *answer};
    drafts.push_back(template_ ? encode_with_template(dialogue, train_on, *template_, *tokenizer_)
                               : encode_plain(dialogue, train_on, *tokenizer_));
  }
  return drafts;
}

EncodedExample ExampleEncoder::encode(const Example& example) const {
  EncodedExample out;
  out.format = example.format;
  out.where = example.where;
  out.is_pair = example.is_pair();
  const auto left_out = [&](ExampleOutcome outcome) {
    out.outcome = outcome;
    return out;
  };
  const TrainOn train_on = resolved(config_.train_on, example.format);
  if (is_empty(example, train_on)) return left_out(ExampleOutcome::kEmpty);
  std::vector<Draft> drafts = drafts_of(example, train_on);
  if (out.is_pair) require_one_prompt(example, drafts);
  for (const Draft& draft : drafts)
    if (count_trained(draft.document) == 0) return left_out(ExampleOutcome::kUntrained);
  const auto max_length = static_cast<size_t>(config_.max_length);
  for (Draft& draft : drafts) {
    if (max_length == 0 || draft.document.ids.size() <= max_length) continue;
    const bool is_cut = config_.truncation == Truncation::kKeepEndOfTurn &&
                        cut_to_length(draft, max_length, *tokenizer_) == Fit::kCut;
    if (!is_cut) return left_out(ExampleOutcome::kTooLong);
    out.is_truncated = true;
  }
  for (Draft& draft : drafts) out.documents.push_back(std::move(draft.document));
  out.is_identical = out.is_pair && out.documents[0].ids == out.documents[1].ids;
  return out;
}

}  // namespace llm::corpus
