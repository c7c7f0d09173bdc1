// What a chat template writes around the turns of a conversation, found by rendering it: for
// formats that cannot run Jinja.
//
// Covers every template that is a text before the conversation, then for each turn a text before
// and behind its content. Tools and reasoning are out of its reach.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "llm/text/chat_template.h"

namespace llm::convert {

struct TurnTemplate {
  std::string open;            // before the first turn, without a system message
  bool has_system = true;      // the template takes one, first in the conversation
  std::string open_system;     // before the content of the system message
  std::string close_system;    // behind it
  std::string default_system;  // what `open` says in place of a system message; "": nothing
  // `open` and `close_system` include what stands before the first user's content.
  bool opens_with_user = false;
  std::string before_user, after_user;
  std::string before_assistant, after_assistant;
  std::string generation_prompt;  // behind the last user's turn
  bool trims =
      false;  // the chat template takes white space around contents away; nothing here does
};

// nullopt where the template does anything else, on conversations with and without a system
// message, of one turn and of several. White space around contents may differ.
std::optional<TurnTemplate> find_turns(const text::ChatTemplate& chat_template);

// The text of a conversation that ends with a user's turn, with the generation prompt. Requires:
// roles system (first, where there is one), user and assistant.
std::string render_turns(const TurnTemplate& turns, std::span<const text::ChatMessage> messages);

// The same in the Go templates of Ollama (text/template over .System and .Messages), which trim
// nothing.
std::string go_template(const TurnTemplate& turns);

}  // namespace llm::convert
