#include "corpus/example_dialogue_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "corpus/blank.h"
#include "corpus/example_messages.h"
#include "llm/core/error.h"

namespace llm::corpus {
namespace {

using text::Segment;

// Neighbouring segments that are encoded as one text, and their tokens.
struct Run {
  std::span<const Segment> segments;
  size_t begin = 0;  // of its tokens
  size_t end = 0;
  bool is_trainable = false;
  int message = -1;  // the last one that it belongs to
};

struct Rendering {
  std::vector<Segment> segments;
  std::vector<Run> runs;
  std::vector<int32_t> ids;
};

int32_t require_eos(const text::Tokenizer& tokenizer) {
  if (const auto eos = tokenizer.eos_id()) return *eos;
  throw core::ConfigError({.where = "tokenizer",
                           .expected = "an end-of-text token, for documents to end with",
                           .got = "none",
                           .hint = "Name it as eos_token in tokenizer_config.json"});
}

std::string refusal_hint(const io::OrderedJson& messages) {
  size_t first = 0;
  while (first < messages.size() &&
         (has_role(messages[first], "system") || has_role(messages[first], "developer")))
    ++first;
  if (first < messages.size() && has_role(messages[first], "assistant"))
    return "The dialogue begins with the assistant: put the user's message before it, leave the "
           "row out, or choose a template that allows it, such as chatml";
  return "Correct the row, or choose another template";
}

std::vector<Segment> render(const Dialogue& dialogue, const text::ChatTemplate& chat_template) {
  text::RenderRequest request;
  request.messages = dialogue.example.prompt;
  for (const io::OrderedJson& message : dialogue.answer) request.messages.push_back(message);
  request.tools = dialogue.example.tools;
  try {
    return chat_template.render(request);
  } catch (const core::DataError& error) {
    const core::ErrorInfo& info = error.info();
    throw core::DataError({.where = dialogue.example.where,
                           .expected = info.expected,
                           .got = fmt::format("{} ({})", info.got, info.where),
                           .hint = refusal_hint(request.messages)});
  }
}

Rendering encode_runs(std::vector<Segment> segments, const text::Tokenizer& tokenizer) {
  Rendering out{std::move(segments), {}, {}};
  const std::span<const Segment> all = out.segments;
  for (size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    Run run{.begin = out.ids.size(), .is_trainable = all[begin].trainable};
    for (; end < all.size() && all[end].trainable == run.is_trainable; ++end)
      run.message = std::max(run.message, all[end].message);
    run.segments = all.subspan(begin, end - begin);
    const auto ids = text::encode_segments(tokenizer, run.segments).ids;
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    run.end = out.ids.size();
    out.runs.push_back(run);
  }
  return out;
}

// The last run that the template means to be learned; nullptr: there is none.
const Run* last_trainable(const Rendering& rendering) {
  const auto found = std::find_if(rendering.runs.rbegin(), rendering.runs.rend(),
                                  [](const Run& run) { return run.is_trainable; });
  return found == rendering.runs.rend() ? nullptr : &*found;
}

std::vector<bool> mask_of(const Rendering& rendering, TrainOn train_on, size_t prompt_size) {
  const Run* last = last_trainable(rendering);
  std::vector<bool> trained;
  for (const Run& run : rendering.runs) {
    const bool is_completion = run.message >= static_cast<int>(prompt_size);
    const bool is_last = last && run.message == last->message;
    const bool is_wanted = train_on == TrainOn::kAssistant ||
                           (train_on == TrainOn::kCompletion && is_completion) ||
                           (train_on == TrainOn::kLast && is_last);
    const bool is_trained = train_on == TrainOn::kAll || (run.is_trainable && is_wanted);
    trained.insert(trained.end(), run.end - run.begin, is_trained);
  }
  return trained;
}

AnswerRange range_of(const Run& run, const text::Tokenizer& tokenizer) {
  size_t leading = 0;
  while (leading < run.segments.size() && run.segments[leading].is_template) ++leading;
  const size_t before = text::encode_segments(tokenizer, run.segments.first(leading)).ids.size();
  return {run.begin, std::min(run.begin + before, run.end), run.end};
}

// Text of the template behind what the assistant wrote last.
std::string text_after(const Rendering& rendering, const Run& answer) {
  size_t written = answer.segments.size();
  while (written > 0 && answer.segments[written - 1].is_template) --written;
  std::string text = text::joined_text(answer.segments.subspan(written));
  for (const Run& run : rendering.runs)
    if (run.begin >= answer.end && &run != &answer) text += text::joined_text(run.segments);
  return text;
}

// An answer that nothing ends would teach a model to go on forever.
void require_end_of_turn(Draft& draft, const std::string& text_after, const std::string& name,
                         const text::Tokenizer& tokenizer) {
  AnswerRange& answer = draft.answer;
  if (find_end_of_turn(draft, tokenizer) < answer.end) return;
  if (!is_blank(text_after))
    throw core::ConfigError(
        {.where = "chat template " + name,
         .expected = "an end-of-turn marker that is a special token of the tokenizer",
         .got = fmt::format("'{}' behind the answer", text_after.substr(0, 40)),
         .hint = "Choose a template whose markers the tokenizer has, or a tokenizer with them"});
  TrainingDocument& document = draft.document;
  const auto at = static_cast<ptrdiff_t>(answer.end);
  const bool is_trained = answer.end > 0 && document.trained[answer.end - 1];
  document.ids.insert(document.ids.begin() + at, require_eos(tokenizer));
  document.trained.insert(document.trained.begin() + at, is_trained);
  answer.end += 1;
}

// What the tokenizer itself puts before a text: BOS, or nothing.
std::vector<int32_t> own_beginning(const text::Tokenizer& tokenizer) {
  constexpr std::string_view kProbe = "a";
  const auto plain = tokenizer.encode(kProbe);
  const auto whole = tokenizer.encode(kProbe, {.add_special = true});
  const auto found = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  if (found == whole.end()) return {};
  return {whole.begin(), found};
}

bool continues(std::span<const int32_t> before, const std::vector<int32_t>& ids,
               std::string_view text, const text::Tokenizer& tokenizer) {
  std::vector<int32_t> whole(before.begin(), before.end());
  whole.insert(whole.end(), ids.begin(), ids.end());
  return tokenizer.decode_bytes(whole) == tokenizer.decode_bytes(before) + std::string(text);
}

// Ids of a text that stands behind others. Some tokenizers put a space before every text they are
// given: here it would be one that nobody wrote, and what follows a character that merges with no
// other does without it.
std::vector<int32_t> encode_continuation(std::span<const int32_t> before, std::string_view text,
                                         const text::Tokenizer& tokenizer) {
  constexpr std::string_view kPrivateUse = "\uE000";
  std::vector<int32_t> ids = tokenizer.encode(text);
  if (before.empty() || continues(before, ids, text, tokenizer)) return ids;
  const auto guard = tokenizer.encode(kPrivateUse);
  const auto guarded = tokenizer.encode(std::string(kPrivateUse) + std::string(text));
  if (guarded.size() < guard.size() || !std::equal(guard.begin(), guard.end(), guarded.begin()))
    return ids;
  std::vector<int32_t> rest(guarded.begin() + static_cast<ptrdiff_t>(guard.size()), guarded.end());
  return continues(before, rest, text, tokenizer) ? rest : ids;
}

std::string_view first_text(const io::OrderedJson& messages) {
  return messages[0]["content"].get_ref<const std::string&>();
}

}  // namespace

Draft encode_with_template(const Dialogue& dialogue, TrainOn train_on,
                           const text::ChatTemplate& chat_template,
                           const text::Tokenizer& tokenizer) {
  const Rendering rendering = encode_runs(render(dialogue, chat_template), tokenizer);
  const size_t prompt_size = dialogue.example.prompt.size();
  Draft draft;
  draft.document = {rendering.ids, mask_of(rendering, train_on, prompt_size)};
  const auto first = std::ranges::find_if(rendering.runs, [&](const Run& run) {
    return run.is_trainable && run.message >= static_cast<int>(prompt_size);
  });
  draft.prompt_end = first == rendering.runs.end() ? rendering.ids.size() : first->begin;
  const Run* answer = last_trainable(rendering);
  draft.answer = answer ? range_of(*answer, tokenizer) : AnswerRange{0, 0, rendering.ids.size()};
  if (answer)
    require_end_of_turn(draft, text_after(rendering, *answer), chat_template.name(), tokenizer);
  return draft;
}

Draft encode_plain(const Dialogue& dialogue, TrainOn train_on, const text::Tokenizer& tokenizer) {
  const Example& example = dialogue.example;
  if (!example.is_plain)
    throw core::DataError(
        {.where = example.where,
         .expected = "a prompt and an answer that are plain texts, as the template is none",
         .got = fmt::format("a dialogue of {} messages{}",
                            example.prompt.size() + dialogue.answer.size(),
                            example.tools.is_null() ? "" : " with tools"),
         .hint = "Choose a template: auto, or a name such as chatml"});
  Draft draft;
  std::vector<int32_t>& ids = draft.document.ids;
  ids = own_beginning(tokenizer);
  const auto prompt = tokenizer.encode(first_text(example.prompt));
  ids.insert(ids.end(), prompt.begin(), prompt.end());
  draft.prompt_end = ids.size();
  const auto answer = encode_continuation(prompt, first_text(dialogue.answer), tokenizer);
  ids.insert(ids.end(), answer.begin(), answer.end());
  ids.push_back(require_eos(tokenizer));
  draft.document.trained.assign(ids.size(), true);
  if (train_on != TrainOn::kAll)
    std::fill_n(draft.document.trained.begin(), draft.prompt_end, false);
  draft.answer = {draft.prompt_end, draft.prompt_end, ids.size()};
  return draft;
}

Draft encode_text(const Example& example, const text::Tokenizer& tokenizer) {
  Draft draft;
  std::vector<int32_t>& ids = draft.document.ids;
  ids = own_beginning(tokenizer);
  const size_t begin = ids.size();
  const auto text = tokenizer.encode(example.text);
  ids.insert(ids.end(), text.begin(), text.end());
  ids.push_back(require_eos(tokenizer));
  draft.document.trained.assign(ids.size(), true);
  draft.answer = {begin, begin, ids.size()};
  return draft;
}

}  // namespace llm::corpus
