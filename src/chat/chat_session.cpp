#include "llm/chat/chat_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "chat/prompt.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"

namespace llm::chat {

// The ids the model is to continue, and how many messages they leave out.
struct FittedPrompt {
  std::vector<int32_t> ids;
  int64_t dropped = 0;
};

namespace {

constexpr const char* kNoTemplate =
    "this model has no chat template: it completes the text it is given";

void check_utf8(const std::string& text, const std::string& where) {
  const size_t at = text::find_invalid_utf8(text);
  if (at == std::string::npos) return;
  throw core::DataError({fmt::format("{}, byte {}", where, at), "UTF-8 text",
                         fmt::format("the byte 0x{:02x}", static_cast<unsigned char>(text[at])),
                         "Convert the text to UTF-8, for example with iconv"});
}

void check_role(const std::string& role, size_t index) {
  const bool known = role == "user" || role == "assistant" || role == "tool";
  if (known || (role == "system" && index == 0)) return;
  throw core::DataError({fmt::format("message {}", index + 1),
                         "role user, assistant or tool; system for the first message alone",
                         "'" + role + "'", ""});
}

bool is_role(const Turn& turn, const char* role) { return turn.message.role == role; }

bool has_system(const std::vector<Turn>& turns) {
  return !turns.empty() && is_role(turns.front(), "system");
}

// The last user message; the end when there is none.
std::vector<Turn>::const_iterator last_question(const std::vector<Turn>& turns) {
  const auto found = std::find_if(turns.rbegin(), turns.rend(),
                                  [](const Turn& turn) { return is_role(turn, "user"); });
  return found == turns.rend() ? turns.end() : std::prev(found.base());
}

// Where a conversation may begin when its oldest turns are dropped, from keeping all to keeping the
// last user message alone.
std::vector<size_t> possible_beginnings(const std::vector<Turn>& turns) {
  std::vector<size_t> beginnings = {has_system(turns) ? size_t{1} : size_t{0}};
  for (size_t i = beginnings.front() + 1; i < turns.size(); ++i)
    if (is_role(turns[i], "user")) beginnings.push_back(i);
  return beginnings;
}

// The drawn ids without the stop token, when they spell exactly the reply's text.
std::vector<int32_t> ids_of_reply(const text::Tokenizer& tokenizer,
                                  const generate::Generation& generation) {
  std::vector<int32_t> ids = generation.ids;
  if (generation.stop_reason == generate::StopReason::kStopToken) ids.pop_back();
  if (tokenizer.decode_bytes(ids) != generation.text) ids.clear();
  return ids;
}

generate::SamplingConfig sampling_of_attempt(generate::SamplingConfig sampling, int64_t attempt) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (sampling.seed) {
    const auto seed = static_cast<uint64_t>(*sampling.seed) + static_cast<uint64_t>(attempt);
    sampling.seed = static_cast<int64_t>(seed & kLargest);
  }
  return sampling;
}

}  // namespace

ChatSession::ChatSession(generate::LanguageModel& model,
                         std::shared_ptr<const text::Tokenizer> tokenizer,
                         std::optional<text::ChatTemplate> chat_template,
                         std::vector<int32_t> stop_ids, ChatSettings settings)
    : model_(model),
      tokenizer_(std::move(tokenizer)),
      generator_(model, tokenizer_),
      template_(std::move(chat_template)),
      stop_ids_(std::move(stop_ids)) {
  if (template_) template_stops_ = template_stops(*template_, *tokenizer_);
  set_settings(std::move(settings));
}

ChatSession::~ChatSession() = default;

Reply ChatSession::reply(const std::string& text, const ReplyCallbacks& callbacks) {
  check_utf8(text, "message");
  std::vector<Turn> turns = turns_;
  turns.push_back({{"user", text}, {}});
  return answer(std::move(turns), 0, callbacks);
}

Reply ChatSession::regenerate(const ReplyCallbacks& callbacks) {
  const auto question = last_question(turns_);
  if (question == turns_.end()) {
    throw core::DataError({"conversation", "a message to answer", "none yet", ""});
  }
  const bool was_answered = question + 1 != turns_.end();
  return answer({turns_.cbegin(), question + 1}, was_answered ? attempt_ + 1 : 0, callbacks);
}

Reply ChatSession::answer(std::vector<Turn> turns, int64_t attempt,
                          const ReplyCallbacks& callbacks) {
  FittedPrompt prompt = fitting_prompt(turns);
  generate::GenerationRequest request;
  request.prompt = std::move(prompt.ids);
  request.sampling = sampling_of_attempt(settings_.sampling, attempt);
  request.stop = stop_rules();
  request.on_prompt = callbacks.on_prompt;
  Reply reply{generator_.generate(request, callbacks.on_text), prompt.dropped};
  if (reply.generation.ids.empty()) return reply;
  turns.push_back(
      {{"assistant", reply.generation.text}, ids_of_reply(*tokenizer_, reply.generation)});
  turns_ = std::move(turns);
  attempt_ = attempt;
  return reply;
}

generate::StopRules ChatSession::stop_rules() const {
  generate::StopRules rules{stop_ids_, settings_.stop, settings_.max_tokens};
  const TemplateStops& own = template_stops_;
  rules.ids.insert(rules.ids.end(), own.ids.begin(), own.ids.end());
  rules.strings.insert(rules.strings.end(), own.strings.begin(), own.strings.end());
  return rules;
}

FittedPrompt ChatSession::fitting_prompt(const std::vector<Turn>& turns) const {
  if (!template_) return {encode_completion(*tokenizer_, turns.back().message.content), 0};
  const int64_t context = model_.context_length();
  // A quarter of the context is a reply's fair share, unless it is known to be shorter.
  const int64_t room = std::min(settings_.max_tokens.value_or(context), context / 4);
  const auto fits = [&](const FittedPrompt& p) { return std::ssize(p.ids) + room <= context; };
  const std::vector<size_t> beginnings = possible_beginnings(turns);
  FittedPrompt best = prompt_from(turns, beginnings.front());
  if (fits(best) || beginnings.size() == 1) return best;
  size_t low = 1, high = beginnings.size() - 1;
  best = prompt_from(turns, beginnings[high]);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    FittedPrompt prompt = prompt_from(turns, beginnings[middle]);
    if (fits(prompt)) {
      best = std::move(prompt);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return best;
}

FittedPrompt ChatSession::prompt_from(const std::vector<Turn>& turns, size_t first_kept) const {
  const size_t num_system = has_system(turns) ? 1 : 0;
  if (first_kept == num_system) return {encode_turns(*tokenizer_, *template_, turns), 0};
  std::vector<Turn> kept(turns.begin(), turns.begin() + static_cast<int64_t>(num_system));
  kept.insert(kept.end(), turns.begin() + static_cast<int64_t>(first_kept), turns.end());
  return {encode_turns(*tokenizer_, *template_, kept),
          static_cast<int64_t>(first_kept - num_system)};
}

std::optional<std::string> ChatSession::undo() {
  const auto question = last_question(turns_);
  if (question == turns_.end()) return std::nullopt;
  std::string text = question->message.content;
  turns_.erase(question, turns_.cend());
  attempt_ = 0;
  return text;
}

void ChatSession::clear() {
  turns_.resize(has_system(turns_) ? 1 : 0);
  attempt_ = 0;
}

std::vector<text::ChatMessage> ChatSession::messages() const {
  std::vector<text::ChatMessage> out;
  for (const Turn& turn : turns_) out.push_back(turn.message);
  return out;
}

void ChatSession::set_messages(const std::vector<text::ChatMessage>& messages) {
  std::vector<Turn> turns;
  for (size_t i = 0; i < messages.size(); ++i) {
    check_role(messages[i].role, i);
    check_utf8(messages[i].content, fmt::format("message {}", i + 1));
    turns.push_back({messages[i], {}});
  }
  check_turns(turns, template_);
  turns_ = std::move(turns);
  attempt_ = 0;
}

std::string ChatSession::system() const {
  return has_system(turns_) ? turns_.front().message.content : "";
}

void ChatSession::set_system(const std::string& text) {
  check_utf8(text, "system prompt");
  std::vector<Turn> turns = turns_;
  if (has_system(turns)) turns.erase(turns.begin());
  if (!text.empty()) turns.insert(turns.begin(), Turn{{"system", text}, {}});
  check_turns(turns, template_);
  turns_ = std::move(turns);
}

void ChatSession::set_settings(ChatSettings settings) {
  ChatSettings checked;
  core::parse_config(core::dump_config(settings), checked);
  generate::StopStringMatcher{settings.stop};  // refuses an empty one
  settings_ = std::move(settings);
}

void ChatSession::set_template(text::ChatTemplate chat_template) {
  std::optional<text::ChatTemplate> wanted = std::move(chat_template);
  check_turns(turns_, wanted);
  template_ = std::move(wanted);
  template_stops_ = template_stops(*template_, *tokenizer_);
}

std::string ChatSession::mode_notice() const { return template_ ? "" : kNoTemplate; }

// Templates raise exceptions of their own (no system message, roles that do not take turns): asked
// now, they do not spoil the next message.
void ChatSession::check_turns(const std::vector<Turn>& turns,
                              const std::optional<text::ChatTemplate>& chat_template) const {
  if (!chat_template) {
    if (!has_system(turns)) return;
    throw core::ConfigError({"system prompt", "a model with a chat template", kNoTemplate,
                             "Put the instruction into the text itself"});
  }
  std::vector<text::ChatMessage> messages;
  for (const Turn& turn : turns) messages.push_back(turn.message);
  if (turns.empty() || !is_role(turns.back(), "user")) messages.push_back({"user", "?"});
  chat_template->render(messages, true);
}

}  // namespace llm::chat
