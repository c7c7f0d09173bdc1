#include "common/config_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>

#include "llm/text/utf8.h"

namespace llm::apps {
namespace {

std::string dashed(std::string text) {
  std::ranges::replace(text, '_', '-');
  std::ranges::replace(text, '.', '-');
  return text;
}

class FlagVisitor final : public core::ConfigVisitor {
 public:
  FlagVisitor(CLI::App& command, std::map<std::string, ConfigFlags::Flag>& flags)
      : command_(command), flags_(flags) {}

 protected:
  void on_field(const core::FieldInfo& info, core::FieldRef value) override {
    using Strings = std::vector<std::string>;
    const std::string name = "--" + dashed(prefix_ + info.name);
    ConfigFlags::Flag& flag = flags_[name];
    flag.key = prefix_ + info.name;
    flag.is_list = std::holds_alternative<Strings*>(value) ||
                   std::holds_alternative<std::vector<int64_t>*>(value) ||
                   std::holds_alternative<std::vector<double>*>(value);
    flag.is_text = std::holds_alternative<std::string*>(value) ||
                   std::holds_alternative<std::optional<std::string>*>(value) ||
                   std::holds_alternative<Strings*>(value) ||
                   std::holds_alternative<core::EnumField*>(value);
    CLI::Option* option = command_.add_option(name, flag.values, help(info, value));
    option->type_name("VALUE");
    flag.is_list ? option->expected(1, CLI::detail::expected_max_vector_size) : option->expected(1);
  }
  bool begin_section(const std::string& name, const std::string&) override {
    outer_.push_back(prefix_);
    prefix_ += name + ".";
    return true;
  }
  void end_section() override {
    prefix_ = outer_.back();
    outer_.pop_back();
  }
  size_t begin_list(const std::string&, const std::string&, size_t) override { return 0; }
  void begin_item(size_t) override {}
  void end_item() override {}
  void end_list() override {}

 private:
  static std::string default_text(const core::FieldRef& value) {
    if (const auto* flag = std::get_if<bool*>(&value)) return **flag ? "true" : "false";
    if (const auto* number = std::get_if<int64_t*>(&value)) return std::to_string(**number);
    if (const auto* number = std::get_if<double*>(&value)) return fmt::format("{}", **number);
    if (const auto* text = std::get_if<std::string*>(&value)) return **text;
    if (const auto* choice = std::get_if<core::EnumField*>(&value)) return (*choice)->get();
    return {};
  }

  static std::string help(const core::FieldInfo& info, const core::FieldRef& value) {
    std::vector<std::string> notes;
    if (!info.choices.empty()) notes.push_back(fmt::format("{}", fmt::join(info.choices, "|")));
    if (!info.range.text().empty()) notes.push_back(info.range.text());
    const std::string initial = default_text(value);
    if (!initial.empty()) notes.push_back("default " + initial);
    if (notes.empty()) return info.help;
    return fmt::format("{} ({})", info.help, fmt::join(notes, "; "));
  }

  CLI::App& command_;
  std::map<std::string, ConfigFlags::Flag>& flags_;
  std::string prefix_;
  std::vector<std::string> outer_;
};

core::ConfigNode value_node(const std::string& text, bool is_text) {
  // What is no UTF-8 is no JSON either; a path may hold any bytes.
  const bool is_utf8 = text::find_invalid_utf8(text) == std::string::npos;
  if (is_text || !is_utf8) return core::make_node(text);
  core::ConfigNode root;
  root.kind = core::ConfigNode::Kind::kObject;
  io::apply_override(root, "value=" + text);
  return *root.find("value");
}

core::ConfigNode flag_node(const std::string& name, const ConfigFlags::Flag& flag) {
  core::ConfigNode node;
  if (flag.is_list) {
    node.kind = core::ConfigNode::Kind::kArray;
    for (const std::string& value : flag.values) {
      node.items.push_back(value_node(value, flag.is_text));
      node.items.back().position = {.source = name};
    }
  } else {
    node = value_node(flag.values.back(), flag.is_text);
  }
  node.position = {.source = name};
  return node;
}

}  // namespace

void ConfigFlags::add_config_option(CLI::App& command) {
  command.add_option("--config", file_, "JSON file with these settings; flags win over it")
      ->type_name("FILE");
}

std::unique_ptr<core::ConfigVisitor> ConfigFlags::make_visitor(CLI::App& command) {
  return std::make_unique<FlagVisitor>(command, flags_);
}

core::ConfigNode ConfigFlags::tree() const {
  core::ConfigNode root;
  root.kind = core::ConfigNode::Kind::kObject;
  if (!file_.empty()) root = io::load_config_file(file_);
  for (const auto& [name, flag] : flags_) {
    if (!flag.values.empty()) core::set_path(root, flag.key, flag_node(name, flag));
  }
  return root;
}

}  // namespace llm::apps
