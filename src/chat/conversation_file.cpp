#include "llm/chat/conversation_file.h"

#include <fmt/format.h>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/io/json.h"

namespace llm::chat {

namespace {

using io::OrderedJson;

[[noreturn]] void refuse(const std::string& place, const std::string& expected,
                         const std::string& got, const std::string& hint = "") {
  throw core::FormatError({place, expected, got, hint});
}

std::string text_of_part(const OrderedJson& part, const std::string& place) {
  if (part.is_string()) return part.get<std::string>();
  const bool is_text = part.is_object() && part.value("type", OrderedJson("text")) == "text" &&
                       part.contains("text") && part["text"].is_string();
  if (!is_text) refuse(place, "a part of type text", part.dump().substr(0, 80));
  return part["text"].get<std::string>();
}

std::string read_content(const OrderedJson& content, const std::string& place) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) refuse(place, "a text", content.type_name());
  std::string out;
  for (size_t i = 0; i < content.size(); ++i)
    out += text_of_part(content[i], fmt::format("{}[{}]", place, i));
  return out;
}

text::ChatMessage read_message(const OrderedJson& json, const std::string& place) {
  if (!json.is_object()) refuse(place, "an object with role and content", json.type_name());
  for (const char* calls : {"tool_calls", "function_call"})
    if (json.contains(calls) && !json[calls].empty())
      refuse(place + "." + calls, "", "tool calls", "They cannot be continued in a conversation");
  if (!json.contains("role") || !json["role"].is_string())
    refuse(place + ".role", "a text", json.contains("role") ? json["role"].type_name() : "nothing");
  if (!json.contains("content")) refuse(place + ".content", "a text", "nothing");
  return {json["role"].get<std::string>(), read_content(json["content"], place + ".content")};
}

ChatSettings read_settings(const OrderedJson& json, const std::string& file,
                           ChatSettings settings) {
  core::parse_config(io::to_config_node(json, file + ": settings"), settings);
  return settings;
}

void check_conversation(const std::filesystem::path& path) {
  try {
    read_conversation(path, {});
  } catch (const core::FormatError&) {
    throw core::ConfigError({path.string(), "a new name, or a saved conversation",
                             "a file of another kind", "It is left as it is"});
  } catch (const core::ConfigError&) {  // a conversation with settings of another version
  }
}

// What else than the conversation a file holds.
OrderedJson kept_of(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return OrderedJson::object();
  check_conversation(path);
  OrderedJson json = io::read_ordered_json_file(path);
  if (!json.is_object()) return OrderedJson::object();
  json.erase("system");
  return json;
}

void read_system(const OrderedJson& json, const std::string& file, Conversation& out) {
  const std::string system = read_content(json, file + ": system");
  if (system.empty()) return;
  if (!out.messages.empty() && out.messages.front().role == "system")
    refuse(file + ": system", "one system message", "a second one, as messages[0]");
  out.messages.insert(out.messages.begin(), text::ChatMessage{"system", system});
}

}  // namespace

Conversation read_conversation(const std::filesystem::path& path, const ChatSettings& defaults) {
  const std::string file = path.string();
  const OrderedJson json = io::read_ordered_json_file(path);
  const bool is_object = json.is_object() && json.contains("messages");
  const OrderedJson& list = is_object ? json["messages"] : json;
  if (!list.is_array())
    refuse(file, "a list of messages, or an object with \"messages\"",
           json.is_object() ? "an object without them" : json.type_name());
  Conversation out{{}, defaults};
  for (size_t i = 0; i < list.size(); ++i)
    out.messages.push_back(
        read_message(list[i], fmt::format("{}: {}[{}]", file, is_object ? "messages" : "", i)));
  if (!is_object) return out;
  if (json.contains("system")) read_system(json["system"], file, out);
  if (json.contains("settings")) out.settings = read_settings(json["settings"], file, defaults);
  return out;
}

void write_conversation(const std::filesystem::path& path, const Conversation& conversation) {
  if (conversation.messages.empty())
    throw core::DataError({"conversation", "messages to save", "none yet", ""});
  OrderedJson json = kept_of(path);
  OrderedJson messages = OrderedJson::array();
  for (const text::ChatMessage& message : conversation.messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  json["messages"] = std::move(messages);
  json["settings"] = io::to_json(core::dump_config(conversation.settings));
  io::write_file_atomically(path, json.dump(2) + "\n");
}

Conversation conversation_of(const ChatSession& session) {
  return {session.messages(), session.settings()};
}

void restore(Conversation conversation, ChatSession& session) {
  const ChatSettings before = session.settings();
  session.set_settings(std::move(conversation.settings));
  try {
    session.set_messages(conversation.messages);
  } catch (...) {
    session.set_settings(before);
    throw;
  }
}

}  // namespace llm::chat
