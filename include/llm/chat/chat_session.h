// A conversation with one model: its messages, and a prompt that always fits the context.
//
// With a chat template messages are rendered through it; of every prompt only what the KV cache
// does not hold yet is computed, also after a reply was drawn again or a turn taken back. Without a
// template every text is completed on its own, and mode_notice() says so. A reply is a function of
// messages, settings and seed alone: how the conversation came to be does not change it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/chat/chat_settings.h"
#include "llm/chat/template_choice.h"
#include "llm/generate/generator.h"
#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"

namespace llm::chat {

struct Turn;
struct FittedPrompt;

struct Reply {
  generate::Generation generation;
  // Of the conversation, messages that the model was not shown because the context cannot hold
  // them: the oldest turns, whole; never the system message. They stay in messages().
  int64_t dropped_messages = 0;
};

struct ReplyCallbacks {
  generate::TextCallback on_text = {};
  generate::PromptCallback on_prompt = {};
};

// Not thread-safe.
class ChatSession {
 public:
  // `model` must outlive the session. Any of `stop_ids` ends a reply.
  ChatSession(generate::LanguageModel& model, std::shared_ptr<const text::Tokenizer> tokenizer,
              std::optional<text::ChatTemplate> chat_template, std::vector<int32_t> stop_ids,
              ChatSettings settings);
  ~ChatSession();

  // One turn, streamed. An interrupted reply stays in the conversation as far as it came; when
  // nothing was drawn, or an exception leaves, the conversation is as before. Throws: DataError for
  // invalid UTF-8, for turns that the template refuses, and for a text that alone exceeds the
  // context; what Generator::generate throws.
  Reply reply(const std::string& text, const ReplyCallbacks& callbacks = {});
  // Answers the last user message again, in place of the reply it has. Where a seed is set the n-th
  // further attempt draws with seed + n. Throws: as reply(); DataError when there is no message.
  Reply regenerate(const ReplyCallbacks& callbacks = {});
  // Takes back the last user message and what follows it; returns its text. Nothing when there is
  // none.
  std::optional<std::string> undo();
  // Forgets all but the system message.
  void clear();

  std::vector<text::ChatMessage> messages() const;  // the system message included
  // Throws: DataError for a role that is none of system (first only), user, assistant and tool, for
  // invalid UTF-8, and for messages the template refuses; ConfigError for a system message where
  // there is no template. The conversation then is as before.
  void set_messages(const std::vector<text::ChatMessage>& messages);

  std::string system() const;  // "": none
  // Replaces the system message; "" removes it. The conversation goes on. Throws: as set_messages.
  void set_system(const std::string& text);

  const ChatSettings& settings() const { return settings_; }
  // Throws: ConfigError for a value out of its range.
  void set_settings(ChatSettings settings);

  // Null: texts are completed.
  const text::ChatTemplate* chat_template() const { return template_ ? &*template_ : nullptr; }
  // Throws: DataError when it cannot render the conversation; the old one then stays.
  void set_template(text::ChatTemplate chat_template);
  // Why texts are completed; "" when there is a template.
  std::string mode_notice() const;

  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  int64_t context_length() const { return model_.context_length(); }
  // Tokens the model has in its cache.
  int64_t context_used() const { return std::ssize(model_.ids()); }

 private:
  Reply answer(std::vector<Turn> turns, int64_t attempt, const ReplyCallbacks& callbacks);
  generate::StopRules stop_rules() const;
  FittedPrompt fitting_prompt(const std::vector<Turn>& turns) const;
  FittedPrompt prompt_from(const std::vector<Turn>& turns, size_t first_kept) const;
  void check_turns(const std::vector<Turn>& turns,
                   const std::optional<text::ChatTemplate>& chat_template) const;

  generate::LanguageModel& model_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  generate::Generator generator_;
  std::optional<text::ChatTemplate> template_;
  TemplateStops template_stops_;
  std::vector<int32_t> stop_ids_;
  ChatSettings settings_;
  std::vector<Turn> turns_;
  int64_t attempt_ = 0;  // at the last reply: 0 for its first
};

}  // namespace llm::chat
