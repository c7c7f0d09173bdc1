#include "corpus/example_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "corpus/blank.h"
#include "llm/core/error.h"

namespace llm::corpus {
namespace {

using io::OrderedJson;

constexpr std::string_view kAssistant = "assistant";
constexpr std::string_view kFunctionCall = "function_call";  // an assistant's, as JSON in a string
constexpr std::array kReasoning = {"reasoning_content", "thinking", "reasoning"};

struct RoleName {
  std::string_view written;
  std::string_view role;
};
constexpr RoleName kRoleNames[] = {{"system", "system"},
                                   {"developer", "developer"},
                                   {"user", "user"},
                                   {"human", "user"},
                                   {"assistant", kAssistant},
                                   {"gpt", kAssistant},
                                   {"chatgpt", kAssistant},
                                   {"bot", kAssistant},
                                   {"model", kAssistant},
                                   {"ai", kAssistant},
                                   {"tool", "tool"},
                                   {"function", "tool"},
                                   {"observation", "tool"},
                                   {"function_response", "tool"},
                                   {"tool_response", "tool"},
                                   {"ipython", "ipython"},
                                   {kFunctionCall, kFunctionCall}};

// A message being read.
struct Source {
  const ExampleRow& row;
  const OrderedJson& message;
  const std::string& place;

  // The field under the first of its two names that is there; nullptr: neither, or null.
  const OrderedJson* find(const std::string& name, const std::string& other) const {
    for (const std::string* one : {&name, &other}) {
      const auto found = one->empty() ? message.end() : message.find(*one);
      if (found != message.end() && !found->is_null()) return &*found;
    }
    return nullptr;
  }
  const OrderedJson* role() const { return find(row.columns().role, row.columns().from); }
  const OrderedJson* content() const { return find(row.columns().content, row.columns().value); }
  bool is_own(const std::string& name) const {
    const ExampleColumns& c = row.columns();
    return name == c.role || name == c.from || name == c.content || name == c.value;
  }
  [[noreturn]] void fail(const std::string& field, const std::string& expected,
                         const std::string& got, const std::string& hint = "") const {
    row.fail(field.empty() ? place : place + ": " + field, expected, got, hint);
  }
};

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string_view role_of(const Source& source) {
  const OrderedJson* role = source.role();
  const std::string& name = source.row.columns().role;
  if (!role) {
    std::vector<std::string> keys;
    for (const auto& [key, unused] : source.message.items()) keys.push_back(key);
    source.fail(
        "", fmt::format("a message with a \"{}\"", name),
        keys.empty() ? "an empty object" : fmt::format("one with {}", fmt::join(keys, ", ")),
        "Name fields that are called otherwise, in the settings of \"columns\" or with flags "
        "such as --columns-role");
  }
  if (!role->is_string()) source.fail(name, "a string", json_kind(*role));
  const std::string written = lower_case(role->get<std::string>());
  const auto known = std::ranges::find(kRoleNames, written, &RoleName::written);
  if (known != std::end(kRoleNames)) return known->role;
  source.fail(name, "system, user, assistant or tool, or another format's name of them",
              fmt::format("\"{}\"", role->get<std::string>()));
}

std::string part_text(const Source& source, const OrderedJson& part) {
  const std::string& name = source.row.columns().content;
  if (part.is_string()) return part.get<std::string>();
  if (!part.is_object()) source.fail(name, "parts of type text", json_kind(part));
  const auto type = part.find("type");
  if (type != part.end() && *type != "text")
    source.fail(name, "parts of type text", fmt::format("a part of type {}", type->dump()),
                "Only text can be trained on");
  const auto text = part.find("text");
  if (text == part.end() || !text->is_string())
    source.fail(name, "parts of type text", "a part without text");
  return text->get<std::string>();
}

bool has_items(const OrderedJson& message, const char* field) {
  const auto found = message.find(field);
  return found != message.end() && found->is_array() && !found->empty();
}

bool has_text(const OrderedJson& message, const char* field) {
  const auto found = message.find(field);
  return found != message.end() && found->is_string() &&
         !is_blank(found->get_ref<const std::string&>());
}

bool has_reasoning(const OrderedJson& message) {
  return std::ranges::any_of(kReasoning, [&](const char* name) { return has_text(message, name); });
}

std::string content_of(const Source& source, std::string_view role) {
  const OrderedJson* content = source.content();
  const std::string& name = source.row.columns().content;
  if (!content) {
    const bool may_lack = role == kAssistant && (has_items(source.message, "tool_calls") ||
                                                 has_reasoning(source.message));
    if (!may_lack) source.fail(name, "a string", "nothing");
    return "";
  }
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) source.fail(name, "a string", json_kind(*content));
  std::string text;
  for (const OrderedJson& part : *content) text += part_text(source, part);
  return text;
}

// {"name", "arguments"}, or a list of them, as the calls of an assistant.
OrderedJson parse_calls(const Source& source, const std::string& text) {
  const std::string expected = "JSON with the name and arguments of a function";
  if (!OrderedJson::accept(text)) source.fail("", expected, "text that is no JSON");
  OrderedJson calls = io::parse_ordered_json(text, source.row.where());
  if (calls.is_object()) calls = OrderedJson::array({calls});
  OrderedJson out = OrderedJson::array();
  if (!calls.is_array() || calls.empty()) source.fail("", expected, json_kind(calls));
  for (const OrderedJson& call : calls) {
    const bool is_call = call.is_object() && call.contains("name") && call["name"].is_string();
    if (!is_call) source.fail("", expected, json_kind(call));
    out.push_back({{"type", "function"}, {"function", call}});
  }
  return out;
}

void check_tool_calls(const Source& source) {
  const auto calls = source.message.find("tool_calls");
  if (calls == source.message.end() || calls->is_null()) return;
  if (!calls->is_array()) source.fail("tool_calls", "a list", json_kind(*calls));
  for (const OrderedJson& call : *calls)
    if (!call.is_object()) source.fail("tool_calls", "a list of objects", json_kind(call));
}

OrderedJson parse_message(const Source& source) {
  if (!source.message.is_object())
    source.fail("", "a message, which is an object", json_kind(source.message));
  check_tool_calls(source);
  const std::string_view role = role_of(source);
  const std::string content = content_of(source, role);
  const bool is_call = role == kFunctionCall;
  OrderedJson out = make_message(std::string(is_call ? kAssistant : role), is_call ? "" : content);
  for (const auto& [name, value] : source.message.items())
    if (!source.is_own(name) && name != "role" && name != "content") out[name] = value;
  if (is_call) out["tool_calls"] = parse_calls(source, content);
  return out;
}

}  // namespace

OrderedJson make_message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

OrderedJson parse_messages(const ExampleRow& row, const OrderedJson& value,
                           const std::string& place) {
  OrderedJson out = OrderedJson::array();
  if (value.is_object()) {
    out.push_back(parse_message({row, value, place}));
    return out;
  }
  if (!value.is_array()) row.fail(place, "a list of messages", json_kind(value));
  if (value.empty()) row.fail(place, "at least one message", "an empty list");
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string item = fmt::format("{}[{}]", place, i);
    out.push_back(parse_message({row, value[i], item}));
  }
  return out;
}

bool has_role(const OrderedJson& message, std::string_view role) {
  return message["role"].get_ref<const std::string&>() == role;
}

bool says_nothing(const OrderedJson& message) {
  return is_blank(message["content"].get_ref<const std::string&>()) &&
         !has_items(message, "tool_calls") && !has_reasoning(message);
}

void check_dialogue(const ExampleRow& row, const OrderedJson& messages) {
  const auto systems = std::ranges::count_if(messages, [](const OrderedJson& message) {
    return has_role(message, "system") || has_role(message, "developer");
  });
  if (systems <= 1) return;
  row.fail("", "at most one system message", std::to_string(systems),
           row.has(row.columns().system)
               ? fmt::format("The column \"{}\" is one, too; name it \"\" to leave it out",
                             row.columns().system)
               : "Join them into one");
}

OrderedJson parse_tools(const ExampleRow& row) {
  const std::string& name = row.columns().tools;
  const OrderedJson* value = row.find(name);
  if (!value) return nullptr;
  OrderedJson tools = *value;
  if (tools.is_string()) {
    const std::string text = tools.get<std::string>();
    if (is_blank(text)) return nullptr;
    if (!OrderedJson::accept(text))
      row.fail(name, "a list, or JSON of one", "text that is no JSON");
    tools = io::parse_ordered_json(text, row.where() + ": " + name);
  }
  if (tools.is_null()) return nullptr;
  if (!tools.is_array()) row.fail(name, "a list of tools", json_kind(tools));
  return tools.empty() ? OrderedJson(nullptr) : tools;
}

}  // namespace llm::corpus
