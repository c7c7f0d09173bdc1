#include <fmt/format.h>

#include "chat/commands.h"
#include "chat/file_argument.h"
#include "llm/chat/reply_record.h"
#include "llm/chat/template_choice.h"
#include "llm/core/error.h"
#include "llm/io/config_json.h"

namespace llm::chat {

namespace {

constexpr const char* kSet = "/set";

std::string heading(const Command& command) {
  return fmt::format("{} {}", command.name, command.arguments);
}

std::string all_commands() {
  std::string out;
  for (const Command& command : commands())
    out += fmt::format("{:<23}{}\n", heading(command), command.help);
  return out +
         "\n\"\"\" opens and closes a text of several lines; a \\ at the end of a line goes on in "
         "the\n"
         "next, and Alt-Enter starts a new one. //text sends /text. Ctrl-C stops a reply and "
         "keeps\n"
         "what there is of it.\n";
}

std::string one_command(const Command& command) {
  std::string out = fmt::format("{}\n{}\n", heading(command), command.help);
  if (command.details[0] != '\0') out += fmt::format("{}\n", command.details);
  for (const char* alias : command.aliases) out += fmt::format("{} does the same\n", alias);
  return out;
}

// A value as JSON, or else as the text it is.
core::ConfigNode typed_value(const std::string& value) {
  try {
    return io::parse_config_json(value, kSet);
  } catch (const core::ConfigError&) {
    return core::make_node(value);
  }
}

core::ConfigNode setting_value(const std::string& name, const std::string& value) {
  core::ConfigNode node = typed_value(value);
  if (name == "stop" && node.kind != core::ConfigNode::Kind::kArray) {
    core::ConfigNode list;
    list.kind = core::ConfigNode::Kind::kArray;
    // A text as it was typed, also one that looks like a number.
    if (node.kind != core::ConfigNode::Kind::kNull)
      list.items.push_back(node.kind == core::ConfigNode::Kind::kString ? node
                                                                        : core::make_node(value));
    node = list;
  }
  node.position = node.key_position = {.source = kSet};
  for (core::ConfigNode& item : node.items) item.position = node.position;
  core::ConfigNode root;
  root.kind = core::ConfigNode::Kind::kObject;
  root.members.emplace_back(name, std::move(node));
  return root;
}

// Lists fields as "name  value  help", or one of them with its range.
class SettingLister : public core::ConfigVisitor {
 public:
  SettingLister(const ChatSettings& settings, std::string only)
      : values_(core::dump_config(settings)), only_(std::move(only)) {}
  const std::string& text() const { return text_; }

 protected:
  void on_field(const core::FieldInfo& info, core::FieldRef) override {
    const std::string value = core::json_text(*values_.find(info.name));
    if (only_.empty()) {
      text_ += fmt::format("{:<19}{:<6} {}\n", info.name, value, info.help);
    } else if (only_ == info.name) {
      const std::string range = info.range.text();
      text_ += fmt::format("{} = {}{}: {}\n", info.name, value,
                           range.empty() ? "" : fmt::format(" ({})", range), info.help);
    }
  }
  bool begin_section(const std::string&, const std::string&) override { return true; }
  void end_section() override {}
  size_t begin_list(const std::string&, const std::string&, size_t) override { return 0; }
  void begin_item(size_t) override {}
  void end_item() override {}
  void end_list() override {}

 private:
  core::ConfigNode values_;
  std::string only_, text_;
};

std::string list_settings(ChatSettings settings, const std::string& only) {
  SettingLister lister(settings, only);
  settings.visit(static_cast<core::ConfigVisitor&>(lister));
  return lister.text();
}

// "name value, name value, ..." in lines that fit beside a row's name.
std::string settings_in_lines(const ChatSettings& settings) {
  constexpr size_t kLongest = 64;
  std::string out;
  size_t line_start = 0;
  for (const auto& [name, value] : core::dump_config(settings).members) {
    const std::string item = fmt::format("{} {}", name, core::json_text(value));
    if (out.size() - line_start + item.size() > kLongest) {
      out += fmt::format(",\n{:<13}", "");
      line_start = out.size();
    } else if (!out.empty()) {
      out += ", ";
    }
    out += item;
  }
  return out;
}

std::string context_text(const ChatSession& session) {
  const int64_t used = session.context_used(), length = session.context_length();
  return fmt::format("{} of {} tokens ({} %)", grouped(used), grouped(length), 100 * used / length);
}

std::string row(std::string_view name, std::string_view value) {
  return fmt::format("{:<13}{}\n", name, value);
}

}  // namespace

void run_help(Repl& repl, const std::string& argument) {
  if (argument.empty()) return repl.print(all_commands());
  const Command* command = find_command(argument);
  if (command == nullptr)
    throw core::ConfigError({"/help", "a command", "'" + argument + "'", "/help lists them"});
  repl.print(one_command(*command));
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const auto& member : core::dump_config(ChatSettings{}).members)
    names.push_back(member.first);
  return names;
}

void run_set(Repl& repl, const std::string& argument) {
  ChatSettings settings = repl.session().settings();
  if (argument.empty()) return repl.print(list_settings(settings, ""));
  const size_t end = std::min(argument.find_first_of(" =\t"), argument.size());
  std::string name = argument.substr(0, end);
  if (name.empty()) throw core::ConfigError({kSet, "NAME VALUE", "'" + argument + "'", ""});
  if (name == "temp") name = "temperature";
  const size_t value = argument.find_first_not_of(" =\t", end);
  if (value == std::string::npos) {
    const std::string shown = list_settings(settings, name);
    if (!shown.empty()) return repl.print(shown);
  }
  core::parse_config(setting_value(name, value == std::string::npos ? "" : argument.substr(value)),
                     settings);
  repl.session().set_settings(settings);
  const core::ConfigNode now = core::dump_config(settings);
  repl.notice(fmt::format("{} = {}", name, core::json_text(*now.find(name))));
}

void run_show(Repl& repl, const std::string&) {
  const ChatSession& session = repl.session();
  std::string out;
  for (const auto& [name, value] : repl.options().about) out += row(name, value);
  const text::ChatTemplate* chat_template = session.chat_template();
  out +=
      row("template", chat_template ? template_title(*chat_template) : "none: texts are completed");
  out += row("context", context_text(session));
  out += row("conversation", fmt::format("{} messages", session.messages().size()));
  if (!session.system().empty()) out += row("system", session.system());
  repl.print(out + row("settings", settings_in_lines(session.settings())));
}

void run_stats(Repl& repl, const std::string&) {
  if (!repl.last()) return repl.notice("no reply yet");
  const generate::Generation& last = *repl.last();
  const Totals& totals = repl.totals();
  const int64_t passes = totals.tokens - totals.replies;
  const double speed =
      totals.decode_seconds > 0 ? static_cast<double>(passes) / totals.decode_seconds : 0;
  const generate::GenerationStats& stats = last.stats;
  std::string out =
      row("last reply", fmt::format("{} tokens, {:.1f} tokens/s, first token after {:.2f} s",
                                    grouped(stats.generated_tokens),
                                    stats.decode_tokens_per_second(), stats.prefill_seconds));
  out += row("", fmt::format("prompt {} (cached {}), stopped by {}, seed {}",
                             grouped(stats.prompt_tokens), grouped(stats.cached_tokens),
                             generate::stop_reason_name(last.stop_reason), last.seed));
  out +=
      row("all replies", fmt::format("{}: {} tokens, {:.1f} tokens/s, prompts {} (cached {})",
                                     totals.replies, grouped(totals.tokens), speed,
                                     grouped(totals.prompt_tokens), grouped(totals.cached_tokens)));
  repl.print(out + row("context", context_text(repl.session())));
}

void run_template(Repl& repl, const std::string& argument) {
  ChatSession& session = repl.session();
  if (!argument.empty()) {
    session.set_template(
        choose_template(file_argument("/template", argument), session.tokenizer()));
    return repl.notice("template: " + template_title(*session.chat_template()));
  }
  const text::ChatTemplate* chat_template = session.chat_template();
  if (chat_template == nullptr) return repl.notice(session.mode_notice());
  std::string jinja = chat_template->jinja();
  if (!jinja.ends_with('\n')) jinja += '\n';
  repl.print(fmt::format("{}:\n{}", template_title(*chat_template), jinja));
}

}  // namespace llm::chat
