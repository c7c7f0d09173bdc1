#include "llm/text/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/chat_template_spans.h"
#include "text/jinja/json_values.h"
#include "text/jinja/parser.h"
#include "text/named_templates.h"

namespace llm::text {
namespace {

constexpr std::array<std::string_view, 12> kRoles = {
    "system", "developer", "user",      "assistant",     "tool",         "function",
    "model",  "ipython",   "tool_call", "tool_response", "tool_results", "context"};
// The names a message's reasoning goes by; the first is the one that templates read.
constexpr std::array<const char*, 3> kReasoning = {"reasoning_content", "thinking", "reasoning"};

std::string_view without_outer_space(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

const NamedTemplate& require_named(const std::string& name) {
  if (const NamedTemplate* found = find_named_template(name)) return *found;
  throw core::ConfigError({"chat template",
                           fmt::format("one of {}", fmt::join(named_templates(), ", ")),
                           "'" + name + "'", ""});
}

void check_messages(const std::string& name, const io::OrderedJson& messages) {
  if (!messages.is_array() || messages.empty())
    throw core::DataError({name + ": messages", "a list of at least one message",
                           messages.is_array() ? "an empty list" : messages.type_name(), ""});
  for (size_t i = 0; i < messages.size(); ++i)
    if (!messages[i].is_object())
      throw core::DataError(
          {fmt::format("{}: message {}", name, i + 1), "an object", messages[i].dump(), ""});
}

// As `transformers` prepares a message: no nulls, and reasoning under the names templates read.
io::OrderedJson prepared(const io::OrderedJson& message) {
  io::OrderedJson kept = io::OrderedJson::object();
  for (const auto& [key, value] : message.items())
    if (!value.is_null()) kept[key] = value;
  const auto name =
      std::ranges::find_if(kReasoning, [&](const char* one) { return kept.contains(one); });
  if (name == kReasoning.end()) return kept;
  const io::OrderedJson reasoning = kept[*name];
  io::OrderedJson out = io::OrderedJson::object();
  out["thinking"] = reasoning;
  for (const auto& [key, value] : kept.items()) out[key] = value;
  out["reasoning_content"] = reasoning;
  return out;
}

// A request as variables of the template, with the table of where text comes from.
class ChatInput {
 public:
  ChatInput(const RenderRequest& request, const TemplateTokens& tokens) {
    origins_.push_back({-1, "", true});
    for (const auto& [name, text] : tokens.variables) set(name, jinja::Text(text));
    add_messages(request.messages);
    set("tools", value(request.tools, -1, "tools"));
    set("documents", jinja::None{});
    for (const auto& [name, json] : request.variables.items()) set(name, value(json, -1, name));
    set("add_generation_prompt", request.add_generation_prompt);
  }

  const jinja::Variables& variables() const { return variables_; }
  const std::vector<Origin>& origins() const { return origins_; }
  const std::vector<std::string>& roles() const { return roles_; }
  void set(const std::string& name, jinja::Value value) {
    for (auto& [known, old] : variables_)
      if (known == name) return void(old = std::move(value));
    variables_.emplace_back(name, std::move(value));
  }

 private:
  jinja::Value value(const io::OrderedJson& json, int message, const std::string& field) {
    const bool is_known_role = field == "role" && json.is_string() &&
                               std::ranges::find(kRoles, json.get<std::string>()) != kRoles.end();
    origins_.push_back({message, field, message >= 0 && is_known_role});
    try {
      return jinja::value_of_json(json, static_cast<jinja::OriginId>(origins_.size() - 1));
    } catch (const jinja::RenderFailure& failure) {
      const std::string place =
          message < 0 ? field : fmt::format("message {}: {}", message + 1, field);
      throw core::DataError({place, "", failure.what(), ""});
    }
  }

  void add_messages(const io::OrderedJson& messages) {
    auto list = std::make_shared<jinja::Sequence>();
    for (size_t i = 0; i < messages.size(); ++i) {
      const auto index = static_cast<int>(i);
      const io::OrderedJson message = prepared(messages[i]);
      auto dict = std::make_shared<jinja::Dict>();
      dict->message = index;
      for (const auto& [key, json] : message.items()) {
        jinja::Value field = value(json, index, key);
        const auto origin = static_cast<jinja::OriginId>(origins_.size() - 1);
        dict->origin = origin;
        dict->depth = std::max(dict->depth, jinja::depth_of(field) + 1);
        dict->items.emplace_back(jinja::Text(key, origin), std::move(field));
      }
      const auto role = message.find("role");
      roles_.push_back(role != message.end() && role->is_string() ? role->get<std::string>() : "");
      list->depth = std::max(list->depth, dict->depth + 1);
      list->items.push_back(std::move(dict));
    }
    set("messages", std::move(list));
  }

  std::vector<Origin> origins_;
  std::vector<std::string> roles_;
  jinja::Variables variables_;
};

}  // namespace

struct ChatTemplate::Impl {
  std::string name;
  std::string jinja;
  TemplateTokens tokens;
  jinja::TemplateTree tree;
  const NamedTemplate* form = nullptr;

  jinja::Rendering run(const jinja::Variables& variables) const {
    return jinja::Interpreter(name, {}).run(tree, variables);
  }
  std::string generation_prompt(const RenderRequest& request, ChatInput& input,
                                const std::string& text) const;
};

// What add_generation_prompt adds at the end of this conversation.
std::string ChatTemplate::Impl::generation_prompt(const RenderRequest& request, ChatInput& input,
                                                  const std::string& text) const {
  if (tree.has_generation || jinja.find("add_generation_prompt") == jinja.npos) return "";
  if (std::ranges::find(input.roles(), "assistant") == input.roles().end()) return "";
  input.set("add_generation_prompt", !request.add_generation_prompt);
  std::string other;
  try {
    other = run(input.variables()).text.bytes();
  } catch (const core::DataError&) {
    return "";
  }
  const std::string& with = request.add_generation_prompt ? text : other;
  const std::string& without = request.add_generation_prompt ? other : text;
  const auto shared = std::ranges::mismatch(with, without).in1 - with.begin();
  return with.substr(static_cast<size_t>(shared));
}

ChatTemplate ChatTemplate::from_jinja(std::string jinja, TemplateTokens tokens, std::string name) {
  if (const size_t at = find_invalid_utf8(jinja); at != jinja.npos)
    throw core::FormatError(
        {fmt::format("{}, byte {}", name, at), "UTF-8 text", "another byte", ""});
  auto impl = std::make_shared<Impl>();
  impl->name = std::move(name);
  impl->tokens = std::move(tokens);
  impl->tree = jinja::parse_template(jinja, impl->name);
  impl->jinja = std::move(jinja);
  return ChatTemplate(std::move(impl));
}

ChatTemplate ChatTemplate::named(const std::string& name, TemplateTokens tokens) {
  auto impl = std::make_shared<Impl>();
  impl->form = &require_named(name);
  impl->name = name;
  impl->jinja = impl->form->jinja;
  impl->tokens = std::move(tokens);
  return ChatTemplate(std::move(impl));
}

const std::string& ChatTemplate::name() const { return impl_->name; }
const std::string& ChatTemplate::jinja() const { return impl_->jinja; }

std::vector<Segment> ChatTemplate::render(const RenderRequest& request) const {
  check_messages(impl_->name, request.messages);
  if (impl_->form)
    return render_named(*impl_->form, impl_->tokens, request.messages,
                        request.add_generation_prompt);
  ChatInput input(request, impl_->tokens);
  RenderedChat chat{impl_->run(input.variables()), input.origins(), input.roles(),
                    impl_->tree.has_generation};
  const std::string prompt = impl_->generation_prompt(request, input, chat.rendering.text.bytes());
  return segments_of(chat, impl_->tokens, prompt);
}

std::vector<Segment> ChatTemplate::render(std::span<const ChatMessage> messages,
                                          bool add_generation_prompt) const {
  RenderRequest request;
  request.messages = io::OrderedJson::array();
  for (const ChatMessage& message : messages)
    request.messages.push_back({{"role", message.role}, {"content", message.content}});
  request.add_generation_prompt = add_generation_prompt;
  return render(request);
}

TemplateTokens template_tokens(const Tokenizer& tokenizer) {
  TemplateTokens out;
  const auto add = [&](const char* name, std::optional<int32_t> id) {
    if (id) out.variables.emplace_back(name, tokenizer.piece(*id));
  };
  add("bos_token", tokenizer.bos_id());
  add("eos_token", tokenizer.eos_id());
  add("unk_token", tokenizer.unk_id());
  add("pad_token", tokenizer.pad_id());
  for (const int32_t id : tokenizer.stop_ids()) out.stop.push_back(tokenizer.piece(id));
  for (const AddedToken& token : tokenizer.added_tokens())
    if (token.special) out.special.push_back(token.content);
  return out;
}

std::vector<std::string> named_templates() {
  std::vector<std::string> names;
  for (const NamedTemplate& form : all_named_templates()) names.emplace_back(form.name);
  return names;
}

const std::string& jinja_of(const std::string& name) {
  static const auto texts = [] {
    std::vector<std::pair<std::string, std::string>> out;
    for (const NamedTemplate& form : all_named_templates()) out.emplace_back(form.name, form.jinja);
    return out;
  }();
  require_named(name);
  return std::ranges::find(texts, name, &std::pair<std::string, std::string>::first)->second;
}

std::optional<std::string> matches_named_template(std::string_view jinja) {
  for (const NamedTemplate& form : all_named_templates())
    if (without_outer_space(jinja) == form.jinja) return form.name;
  return std::nullopt;
}

std::string joined_text(std::span<const Segment> segments) {
  std::string out;
  for (const Segment& segment : segments) out += segment.text;
  return out;
}

EncodedSegments encode_segments(const Tokenizer& tokenizer, std::span<const Segment> segments) {
  EncodedSegments out;
  std::vector<TextPart> run;
  for (size_t i = 0; i < segments.size(); ++i) {
    run.push_back({segments[i].text, segments[i].is_template});
    const bool trainable = segments[i].trainable;
    if (i + 1 < segments.size() && segments[i + 1].trainable == trainable) continue;
    const std::vector<int32_t> ids = tokenizer.encode_parts(run);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.trainable.insert(out.trainable.end(), ids.size(), trainable);
    run.clear();
  }
  return out;
}

}  // namespace llm::text
