// A conversation with one model: history, system prompt, and a prompt that always fits the context.
//
// With a chat template turns are rendered through it; of every turn only what the KV cache does not
// hold yet is computed. Without one every text is completed on its own and mode_notice() says so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/generate/generator.h"
#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"

namespace llm::chat {

struct Turn;

struct ChatSettings {
  std::string system;  // "": no system message
  generate::SamplingConfig sampling;
  generate::StopRules stop;
};

struct Reply {
  generate::Generation generation;
  // Messages that were dropped for good, oldest first, because the context could not hold them.
  int64_t dropped_messages = 0;
};

// Not thread-safe.
class ChatSession {
 public:
  // `model` must outlive the session. `jinja` is the model's chat template, "" when it has none.
  // Throws: ConfigError for a system prompt where there is no template to carry it; FormatError for
  // a text that is no template.
  ChatSession(generate::LanguageModel& model, std::shared_ptr<const text::Tokenizer> tokenizer,
              const std::string& jinja, ChatSettings settings);
  ~ChatSession();

  // False: texts are completed.
  bool has_template() const { return template_.has_value(); }
  // Why texts are completed; "" when there is a template.
  const std::string& mode_notice() const { return mode_notice_; }

  // One turn, streamed. An interrupted reply stays in the history as far as it came; when nothing
  // was drawn, or an exception leaves, the history is as before. Throws: DataError for invalid
  // UTF-8, for turns that the template refuses, and for a text that alone exceeds the context; what
  // Generator::generate throws.
  Reply reply(const std::string& text, const generate::TextCallback& on_text = {});

  std::vector<text::ChatMessage> messages() const;  // the system message included
  // Forgets all but the system message.
  void reset();
  // Replaces the system message ("" removes it) and resets. Throws: ConfigError without a template.
  void set_system(const std::string& text);

 private:
  Reply complete(const std::string& text, const generate::TextCallback& on_text);
  Reply converse(const std::string& text, const generate::TextCallback& on_text);
  std::vector<int32_t> fitting_prompt(std::vector<Turn>& turns, int64_t& dropped) const;
  generate::Generation generate(std::vector<int32_t> prompt, const generate::TextCallback& on_text);

  generate::LanguageModel& model_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  generate::Generator generator_;
  ChatSettings settings_;
  std::optional<text::ChatTemplate> template_;
  std::string mode_notice_;
  std::vector<Turn> turns_;
};

}  // namespace llm::chat
