#include "llm/chat/chat_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/prompt.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"

namespace llm::chat {

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

bool is_system(const Turn& turn) { return turn.message.role == "system"; }

// Drops the oldest user message and the replies to it. False when only the newest is left.
bool drop_oldest(std::vector<Turn>& turns, int64_t& dropped) {
  const auto first = std::ranges::find_if_not(turns, is_system);
  if (first == turns.end()) return false;
  const auto next = std::find_if(first + 1, turns.end(),
                                 [](const Turn& turn) { return turn.message.role == "user"; });
  if (next == turns.end()) return false;
  dropped += next - first;
  turns.erase(first, next);
  return true;
}

// The drawn ids without the stop token, when they spell exactly the reply's text.
std::vector<int32_t> ids_of_reply(const text::Tokenizer& tokenizer,
                                  const generate::Generation& generation) {
  std::vector<int32_t> ids = generation.ids;
  if (generation.stop_reason == generate::StopReason::kStopToken) ids.pop_back();
  if (tokenizer.decode_bytes(ids) != generation.text) ids.clear();
  return ids;
}

}  // namespace

ChatSession::ChatSession(generate::LanguageModel& model,
                         std::shared_ptr<const text::Tokenizer> tokenizer, const std::string& jinja,
                         ChatSettings settings)
    : model_(model),
      tokenizer_(std::move(tokenizer)),
      generator_(model, tokenizer_),
      settings_(std::move(settings)) {
  if (jinja.empty()) {
    mode_notice_ = kNoTemplate;
  } else {
    template_ = text::ChatTemplate::from_jinja(jinja, text::template_tokens(*tokenizer_));
  }
  if (!settings_.system.empty()) set_system(settings_.system);
}

ChatSession::~ChatSession() = default;

Reply ChatSession::reply(const std::string& text, const generate::TextCallback& on_text) {
  check_utf8(text, "message");
  return template_ ? converse(text, on_text) : complete(text, on_text);
}

Reply ChatSession::complete(const std::string& text, const generate::TextCallback& on_text) {
  return {generate(encode_completion(*tokenizer_, text), on_text), 0};
}

Reply ChatSession::converse(const std::string& text, const generate::TextCallback& on_text) {
  std::vector<Turn> turns = turns_;
  turns.push_back({{"user", text}, {}});
  Reply reply;
  reply.generation = generate(fitting_prompt(turns, reply.dropped_messages), on_text);
  if (reply.generation.ids.empty()) return {std::move(reply.generation), 0};
  turns.push_back(
      {{"assistant", reply.generation.text}, ids_of_reply(*tokenizer_, reply.generation)});
  turns_ = std::move(turns);
  return reply;
}

std::vector<int32_t> ChatSession::fitting_prompt(std::vector<Turn>& turns, int64_t& dropped) const {
  const int64_t context = model_.context_length();
  // A quarter of the context is a reply's fair share, unless it is known to be shorter.
  const int64_t room = std::min(settings_.stop.max_tokens.value_or(context), context / 4);
  std::vector<int32_t> prompt = encode_turns(*tokenizer_, *template_, turns);
  while (std::ssize(prompt) + room > context && drop_oldest(turns, dropped)) {
    prompt = encode_turns(*tokenizer_, *template_, turns);
  }
  return prompt;
}

generate::Generation ChatSession::generate(std::vector<int32_t> prompt,
                                           const generate::TextCallback& on_text) {
  generate::GenerationRequest request;
  request.prompt = std::move(prompt);
  request.sampling = settings_.sampling;
  request.stop = settings_.stop;
  return generator_.generate(request, on_text);
}

std::vector<text::ChatMessage> ChatSession::messages() const {
  std::vector<text::ChatMessage> out;
  for (const Turn& turn : turns_) out.push_back(turn.message);
  return out;
}

void ChatSession::reset() {
  std::erase_if(turns_, [](const Turn& turn) { return !is_system(turn); });
}

void ChatSession::set_system(const std::string& text) {
  check_utf8(text, "system prompt");
  if (!template_) {
    throw core::ConfigError({"system prompt", "a model with a chat template", mode_notice_,
                             "Put the instruction into the text itself"});
  }
  turns_.clear();
  if (!text.empty()) turns_.push_back({{"system", text}, {}});
}

}  // namespace llm::chat
