#include "text/named_templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "llm/core/error.h"
#include "text/chat_template_spans.h"
#include "text/jinja/text_ops.h"

namespace llm::text {
namespace {

// A system message in front, then user and assistant in turns, as mistral and its kin want it.
#define LLM_JINJA_TURNS                                                               \
  "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}" \
  "{% set turns = messages[1:] %}{% else %}{% set system = none %}"                   \
  "{% set turns = messages %}{% endif %}"
#define LLM_JINJA_CHECK                                                             \
  "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) or message['role'] " \
  "not in ['user', 'assistant'] %}{{ raise_exception('after an optional system "    \
  "message, user and assistant take turns') }}{% endif %}"

constexpr const char* kChatml =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

constexpr const char* kLlama3 =
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{ message['content'] | trim }}{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
    "{% endif %}";

constexpr const char* kZephyr =
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

constexpr const char* kLlama2 = LLM_JINJA_TURNS
    "{% for message in turns %}" LLM_JINJA_CHECK
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if loop.first and system is not none %}"
    "{{ '<<SYS>>\\n' + system | trim + '\\n<</SYS>>\\n\\n' }}{% endif %}"
    "{{ message['content'] | trim }}{{ ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'] | trim }}{{ ' ' + eos_token }}{% endif %}"
    "{% endfor %}";

constexpr const char* kMistral =
    LLM_JINJA_TURNS "{{ bos_token }}{% for message in turns %}" LLM_JINJA_CHECK
                    "{% if message['role'] == 'user' %}{{ '[INST] ' }}"
                    "{% if loop.first and system is not none %}{{ system + '\\n\\n' }}{% endif %}"
                    "{{ message['content'] + ' [/INST]' }}"
                    "{% else %}{{ message['content'] + eos_token }}{% endif %}"
                    "{% endfor %}";

constexpr const char* kAlpacaPreamble =
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request.\n\n";

constexpr const char* kAlpaca = LLM_JINJA_TURNS
    "{% if system is not none %}{{ system + '\\n\\n' }}{% else %}"
    "{{ 'Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\\n\\n' }}{% endif %}"
    "{% for message in turns %}" LLM_JINJA_CHECK
    "{% if message['role'] == 'user' %}"
    "{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}"
    "{% else %}{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}";

constexpr const char* kPlain =
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ 'assistant: ' + message['content'] + eos_token + '\\n\\n' }}"
    "{% else %}{{ message['role'] + ': ' + message['content'] + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

#undef LLM_JINJA_TURNS
#undef LLM_JINJA_CHECK

constexpr TurnForm kChatmlTurn = {"<|im_start|>{role}\n", "<|im_end|>", "\n"};
constexpr TurnForm kLlama3Turn = {"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>",
                                  ""};
constexpr TurnForm kZephyrTurn = {"<|{role}|>\n", "{eos}", "\n"};
constexpr TurnForm kPlainTurn = {"{role}: ", "", "\n\n"};

constexpr std::array<NamedTemplate, 7> kTemplates = {{
    {.name = "chatml",
     .jinja = kChatml,
     .system = kChatmlTurn,
     .user = kChatmlTurn,
     .assistant = kChatmlTurn,
     .tool = kChatmlTurn,
     .generation_prompt = "<|im_start|>assistant\n",
     .is_free = true},
    {.name = "llama2",
     .jinja = kLlama2,
     .system = {"<<SYS>>\n", "", "\n<</SYS>>\n\n"},
     .user = {"{bos}[INST] ", "", " [/INST]"},
     .assistant = {" ", " {eos}", ""},
     .trims = true,
     .has_system_in_user = true},
    {.name = "llama3",
     .jinja = kLlama3,
     .begin = "{bos}",
     .system = kLlama3Turn,
     .user = kLlama3Turn,
     .assistant = kLlama3Turn,
     .tool = kLlama3Turn,
     .generation_prompt = "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .is_free = true,
     .trims = true},
    {.name = "mistral",
     .jinja = kMistral,
     .begin = "{bos}",
     .system = {"", "", "\n\n"},
     .user = {"[INST] ", "", " [/INST]"},
     .assistant = {"", "{eos}", ""},
     .has_system_in_user = true},
    {.name = "zephyr",
     .jinja = kZephyr,
     .system = kZephyrTurn,
     .user = kZephyrTurn,
     .assistant = kZephyrTurn,
     .tool = kZephyrTurn,
     .generation_prompt = "<|assistant|>\n",
     .is_free = true},
    {.name = "alpaca",
     .jinja = kAlpaca,
     .default_system = kAlpacaPreamble,
     .system = {"", "", "\n\n"},
     .user = {"### Instruction:\n", "", "\n\n"},
     .assistant = {"### Response:\n", "{eos}", "\n\n"},
     .generation_prompt = "### Response:\n"},
    {.name = "plain",
     .jinja = kPlain,
     .system = kPlainTurn,
     .user = kPlainTurn,
     .assistant = {"{role}: ", "{eos}", "\n\n"},
     .tool = kPlainTurn,
     .generation_prompt = "assistant: ",
     .is_free = true},
}};

std::string variable(const TemplateTokens& tokens, const std::string& name) {
  for (const auto& [known, text] : tokens.variables)
    if (known == name) return text;
  return "";
}

constexpr const char* kContent = "a content of text";

class NamedRenderer {
 public:
  NamedRenderer(const NamedTemplate& form, const TemplateTokens& tokens)
      : form_(form), bos_(variable(tokens, "bos_token")), eos_(variable(tokens, "eos_token")) {}

  std::vector<Segment> run(const io::OrderedJson& messages, bool add_generation_prompt) {
    const bool has_system = !messages.empty() && role(messages[0], 0) == "system";
    add_template(form_.begin, "", -1);
    if (!has_system) add_template(form_.default_system, "", -1);
    const size_t first = has_system && !form_.is_free ? 1 : 0;
    if (first == 1 && !form_.has_system_in_user) add_turn(messages[0], 0);
    for (size_t i = first; i < messages.size(); ++i) {
      if (!form_.is_free) check_turn(messages[i], i, first);
      const bool has_folded = i == first && first == 1 && form_.has_system_in_user;
      add_turn(messages[i], static_cast<int>(i), has_folded ? &messages[0] : nullptr);
    }
    if (add_generation_prompt) add_template(form_.generation_prompt, "assistant", -1);
    return std::move(segments_);
  }

 private:
  [[noreturn]] void refuse(size_t index, const std::string& expected,
                           const std::string& got) const {
    throw core::DataError(
        {fmt::format("chat template {}: message {}", form_.name, index + 1), expected, got, ""});
  }

  std::string role(const io::OrderedJson& message, size_t index) const {
    const auto found = message.find("role");
    if (found == message.end()) refuse(index, "a role", "none");
    if (!found->is_string()) refuse(index, "a role", found->type_name());
    return found->get<std::string>();
  }

  // A text, or parts of type text, which are joined.
  std::string content(const io::OrderedJson& message, size_t index) const {
    const auto found = message.find("content");
    if (found == message.end()) refuse(index, kContent, "none");
    if (found->is_string()) return found->get<std::string>();
    if (!found->is_array()) refuse(index, kContent, found->type_name());
    std::string out;
    for (const io::OrderedJson& part : *found) out += text_of(part, index);
    return out;
  }

  std::string text_of(const io::OrderedJson& part, size_t index) const {
    if (part.is_string()) return part.get<std::string>();
    if (!part.is_object())
      refuse(index, kContent, fmt::format("a part that is {}", part.type_name()));
    const io::OrderedJson type = part.value("type", io::OrderedJson("text"));
    if (type != "text")
      refuse(index, kContent,
             "a part of type " + (type.is_string() ? type.get<std::string>() : type.type_name()));
    const auto text = part.find("text");
    if (text == part.end() || !text->is_string()) refuse(index, kContent, "a part without text");
    return text->get<std::string>();
  }

  const TurnForm& turn(const std::string& role, size_t index) const {
    const TurnForm* found = role == "system"      ? &form_.system
                            : role == "user"      ? &form_.user
                            : role == "assistant" ? &form_.assistant
                            : role == "tool"      ? &form_.tool
                                                  : nullptr;
    if (!found || !found->before) refuse(index, "a role that this template has", "'" + role + "'");
    return *found;
  }

  void check_turn(const io::OrderedJson& message, size_t index, size_t first) const {
    const std::string expected = (index - first) % 2 == 0 ? "user" : "assistant";
    if (const std::string got = role(message, index); got != expected)
      refuse(index, "user and assistant in turns, behind an optional system message",
             "'" + got + "'");
  }

  void add_template(std::string text, const std::string& role, int message,
                    bool trainable = false) {
    for (const auto& [mark, token] :
         {std::pair<std::string, std::string>{"{bos}", bos_}, {"{eos}", eos_}, {"{role}", role}}) {
      const size_t at = text.find(mark);
      if (at != text.npos) text.replace(at, mark.size(), token);
    }
    add_segment(segments_, {std::move(text), true, role, trainable, message, ""});
  }

  void add_turn(const io::OrderedJson& message, int index,
                const io::OrderedJson* folded = nullptr) {
    const std::string name = role(message, static_cast<size_t>(index));
    const TurnForm& form = turn(name, static_cast<size_t>(index));
    const bool trainable = name == "assistant";
    const std::string text = content(message, static_cast<size_t>(index));
    add_template(form.before, name, index);
    if (folded) add_turn(*folded, 0);
    const std::string kept =
        form_.trims ? jinja::strip(jinja::Text(text), jinja::Side::kBoth).bytes() : text;
    add_segment(segments_, {kept, false, name, trainable, index, "content"});
    add_template(form.end, name, index, trainable);
    add_template(form.after, name, index);
  }

  const NamedTemplate& form_;
  std::string bos_;
  std::string eos_;
  std::vector<Segment> segments_;
};

}  // namespace

const NamedTemplate* find_named_template(const std::string& name) {
  const auto found = std::ranges::find(kTemplates, std::string_view(name), &NamedTemplate::name);
  return found == kTemplates.end() ? nullptr : &*found;
}

std::span<const NamedTemplate> all_named_templates() { return kTemplates; }

std::vector<Segment> render_named(const NamedTemplate& form, const TemplateTokens& tokens,
                                  const io::OrderedJson& messages, bool add_generation_prompt) {
  return NamedRenderer(form, tokens).run(messages, add_generation_prompt);
}

}  // namespace llm::text
