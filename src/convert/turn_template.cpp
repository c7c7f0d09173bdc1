#include "llm/convert/turn_template.h"

#include <vector>

#include "llm/core/error.h"

namespace llm::convert {
namespace {

using text::ChatMessage;
using Conversation = std::vector<ChatMessage>;

// Texts that no template holds.
const ChatMessage kSystem = {"system", "Qs0Zsystem"};
const ChatMessage kUser = {"user", "Qu1Zuser"};
const ChatMessage kAssistant = {"assistant", "Qa2Zassistant"};
const ChatMessage kUserAgain = {"user", "Qv3Zuser"};

std::optional<std::string> rendered(const text::ChatTemplate& chat_template,
                                    const Conversation& messages, bool add_generation_prompt) {
  try {
    return text::joined_text(chat_template.render(messages, add_generation_prompt));
  } catch (const core::Error&) {
    return std::nullopt;  // a conversation that the template refuses
  }
}

// What stands before, between and behind the contents.
std::optional<std::vector<std::string>> gaps(const text::ChatTemplate& chat_template,
                                             const Conversation& messages,
                                             bool add_generation_prompt = true) {
  const auto text = rendered(chat_template, messages, add_generation_prompt);
  if (!text) return std::nullopt;
  std::vector<std::string> gaps;
  size_t from = 0;
  for (const ChatMessage& message : messages) {
    const size_t at = text->find(message.content, from);
    if (at == std::string::npos) return std::nullopt;
    gaps.push_back(text->substr(from, at - from));
    from = at + message.content.size();
  }
  gaps.push_back(text->substr(from));
  return gaps;
}

std::optional<std::string> without_front(const std::string& text, const std::string& front) {
  if (!text.starts_with(front)) return std::nullopt;
  return text.substr(front.size());
}

std::optional<std::string> without_back(const std::string& text, const std::string& back) {
  if (!text.ends_with(back)) return std::nullopt;
  return text.substr(0, text.size() - back.size());
}

size_t common_ending(const std::string& a, const std::string& b) {
  size_t length = 0;
  while (length < a.size() && length < b.size() &&
         a[a.size() - 1 - length] == b[b.size() - 1 - length])
    ++length;
  return length;
}

// `between` stands behind an assistant's turn and before a user's: split where a conversation that
// ends with the assistant ends.
std::string find_after_assistant(const text::ChatTemplate& chat_template,
                                 const std::string& between, const std::string& first) {
  const auto ended = gaps(chat_template, {kUser, kAssistant}, false);
  if (ended && between.starts_with(ended->back())) return ended->back();
  return between.substr(0, between.size() - common_ending(between, first));
}

void find_default_system(TurnTemplate& turns) {
  const size_t around = turns.open_system.size() + turns.close_system.size();
  const bool has_default = turns.has_system && turns.open.size() > around &&
                           turns.open.starts_with(turns.open_system) &&
                           turns.open.ends_with(turns.close_system);
  if (!has_default) return;
  turns.default_system = turns.open.substr(turns.open_system.size(), turns.open.size() - around);
}

// Takes the texts that the template writes in a few conversations apart.
std::optional<TurnTemplate> take_apart(const text::ChatTemplate& chat_template) {
  const auto one = gaps(chat_template, {kUser});
  const auto several = gaps(chat_template, {kUser, kAssistant, kUserAgain});
  if (!one || !several) return std::nullopt;
  TurnTemplate turns;
  if (const auto ended = gaps(chat_template, {kUser}, false);
      ended && one->back().starts_with(ended->back()))
    turns.after_user = ended->back();
  turns.generation_prompt = one->back().substr(turns.after_user.size());
  const auto before_assistant = without_front((*several)[1], turns.after_user);
  if (!before_assistant) return std::nullopt;
  turns.before_assistant = *before_assistant;
  turns.open = one->front();
  const std::string& between = (*several)[2];
  turns.after_assistant = find_after_assistant(chat_template, between, turns.open);
  turns.before_user = between.substr(turns.after_assistant.size());
  if (const auto system = gaps(chat_template, {kSystem, kUser})) {
    turns.open_system = (*system)[0];
    turns.close_system = (*system)[1];
  } else {
    turns.has_system = false;
  }
  const auto open = without_back(turns.open, turns.before_user);
  const auto close = without_back(turns.close_system, turns.before_user);
  turns.opens_with_user = !open || (turns.has_system && !close);
  if (!turns.opens_with_user) {
    turns.open = *open;
    turns.close_system = close.value_or("");
  }
  find_default_system(turns);
  return turns;
}

std::string without_spaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
  return text;
}

const std::vector<Conversation>& plain_probes() {
  static const Conversation talk = {{"user", "Hi there"},
                                    {"assistant", "Hello.\nHow are you?"},
                                    {"user", "{{ fine }}, {% and %} you?"},
                                    {"assistant", "Me too. 좋아요"},
                                    {"user", "Good"}};
  static const std::vector<Conversation> probes = [] {
    const ChatMessage system = {"system", "Be kind.\n\nBe brief."};
    std::vector<Conversation> all;
    for (const size_t length : {1, 3, 5}) {
      all.emplace_back(talk.begin(), talk.begin() + static_cast<ptrdiff_t>(length));
      all.push_back(all.back());
      all.back().insert(all.back().begin(), system);
    }
    return all;
  }();
  return probes;
}

bool agrees(const text::ChatTemplate& chat_template, const TurnTemplate& turns,
            const Conversation& messages) {
  if (messages.front().role == "system" && !turns.has_system) return true;
  return rendered(chat_template, messages, true) == render_turns(turns, messages);
}

// A Go action that prints the text.
std::string printed(const std::string& text) { return "{{ \"" + text + "\" }}"; }

// Text in which no action begins, alone or together with what follows.
std::string literal(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool ends = i + 1 == text.size();
    if (text[i] == '{' && (ends || text[i + 1] == '{'))
      out += printed("{");
    else
      out += text[i];
  }
  return out;
}

}  // namespace

std::string render_turns(const TurnTemplate& turns, std::span<const ChatMessage> messages) {
  std::string out;
  if (messages.front().role == "system") {
    out = turns.open_system + messages.front().content + turns.close_system;
    messages = messages.subspan(1);
  } else {
    out = turns.open;
  }
  for (const ChatMessage& message : messages) {
    if (message.role == "assistant") {
      out += turns.before_assistant + message.content + turns.after_assistant;
    } else {
      const bool is_open = turns.opens_with_user && &message == &messages.front();
      out += (is_open ? "" : turns.before_user) + message.content + turns.after_user;
    }
  }
  return out + turns.generation_prompt;
}

std::optional<TurnTemplate> find_turns(const text::ChatTemplate& chat_template) {
  auto turns = take_apart(chat_template);
  if (!turns) return std::nullopt;
  for (const Conversation& probe : plain_probes())
    if (!agrees(chat_template, *turns, probe)) return std::nullopt;
  const Conversation spaced = {
      {"user", "  lead and trail \n"}, {"assistant", "\n answer \t"}, {"user", " again  "}};
  turns->trims = !agrees(chat_template, *turns, spaced);
  const auto text = rendered(chat_template, spaced, true);
  if (!text || without_spaces(*text) != without_spaces(render_turns(*turns, spaced)))
    return std::nullopt;
  return turns;
}

std::string go_template(const TurnTemplate& turns) {
  std::string out;
  const std::string open = literal(turns.open);
  if (turns.has_system) {
    out += "{{ if .System }}" + literal(turns.open_system) + "{{ .System }}" +
           literal(turns.close_system);
    out += (open.empty() ? "" : "{{ else }}" + open) + "{{ end }}\n{{- range";
  } else {
    out += open + "{{ range";
  }
  // The first user's turn is message 0, or 1 behind a system message.
  const std::string before_user =
      turns.opens_with_user ? "{{ if gt $i 1 }}" + literal(turns.before_user) + "{{ end }}"
                            : literal(turns.before_user);
  out += " $i, $_ := .Messages }}\n";
  out += "{{- $last := eq (len (slice $.Messages $i)) 1 }}\n";
  out += "{{- if eq .Role \"user\" }}" + before_user + "{{ .Content }}" + literal(turns.after_user);
  if (!turns.generation_prompt.empty())
    out += "{{ if $last }}" + literal(turns.generation_prompt) + "{{ end }}";
  out +=
      "{{ else if eq .Role \"assistant\" }}" + literal(turns.before_assistant) + "{{ .Content }}";
  if (!turns.after_assistant.empty())
    out += "{{ if not $last }}" + literal(turns.after_assistant) + "{{ end }}";
  return out + "{{ end }}\n{{- end }}";
}

}  // namespace llm::convert
