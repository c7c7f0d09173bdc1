// The named templates as data: what stands around each turn. Each has a Jinja text that says the
// same.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "llm/text/chat_template.h"

namespace llm::text {

// {bos} and {eos} in these texts are the tokens; {role} in `before` is the message's role.
struct TurnForm {
  const char* before = nullptr;  // nullptr: the template knows no such turn
  const char* end = "";          // the end marker: trained behind an assistant's content
  const char* after = "";
};

struct NamedTemplate {
  const char* name;
  const char* jinja;
  const char* begin = "";           // of the conversation
  const char* default_system = "";  // text without a system message
  TurnForm system;                  // only as the first message, unless is_free
  TurnForm user;
  TurnForm assistant;
  TurnForm tool;
  const char* generation_prompt = "";
  bool is_free = false;             // any order of turns
  bool trims = false;               // white space around contents goes
  bool has_system_in_user = false;  // the system turn stands behind the first user's `before`
};

// nullptr for an unknown name.
const NamedTemplate* find_named_template(const std::string& name);
std::span<const NamedTemplate> all_named_templates();

// Throws: DataError.
std::vector<Segment> render_named(const NamedTemplate& form, const TemplateTokens& tokens,
                                  const io::OrderedJson& messages, bool add_generation_prompt);

}  // namespace llm::text
