#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "llm/core/check.h"
#include "llm/core/config.h"
#include "llm/core/error.h"

namespace llm::core {
namespace {

using Kind = ConfigNode::Kind;

template <class>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

// What a message shows of a value: its JSON text, cut where it is long.
std::string shown(const ConfigNode& node) {
  if (node.kind == Kind::kObject) return "an object";
  std::string text = json_text(node);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return node.kind == Kind::kArray ? "the list " + text : text;
}

std::string as_sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] += 'A' - 'a';
  return text;
}

class Parser final : public ConfigVisitor {
 public:
  explicit Parser(const ConfigNode& root) {
    if (root.kind != Kind::kObject) fail(root, "the configuration", "an object");
    frames_.push_back({&root, "", {}});
  }

  void finish() {
    LLM_CHECK(frames_.size() == 1, "sections were left open");
    refuse_unknown_keys();
  }

 protected:
  void on_field(const FieldInfo& info, FieldRef value) override {
    const ConfigNode* node = lookup(info.name);
    if (node == nullptr) return;
    const std::string key = dotted(info.name);
    std::visit([&](auto* target) { read(*node, key, info, *target); }, value);
  }

  bool begin_section(const std::string& name, const std::string&) override {
    const ConfigNode* node = lookup(name);
    if (node == nullptr) return false;
    if (node->kind != Kind::kObject) fail(*node, dotted(name), "an object");
    frames_.push_back({node, dotted(name), {}});
    return true;
  }

  void end_section() override { leave(); }

  size_t begin_list(const std::string& name, const std::string&, size_t current) override {
    const ConfigNode* node = lookup(name);
    lists_.push_back({node, dotted(name)});
    if (node == nullptr) return current;
    if (node->kind != Kind::kArray) fail(*node, dotted(name), "a list of objects");
    return node->items.size();
  }

  void begin_item(size_t index) override {
    const auto& [list, path] = lists_.back();
    const std::string key = fmt::format("{}[{}]", path, index);
    const ConfigNode* node = list == nullptr ? nullptr : &list->items.at(index);
    if (node != nullptr && node->kind != Kind::kObject) fail(*node, key, "an object");
    frames_.push_back({node, key, {}});
  }

  void end_item() override { leave(); }
  void end_list() override { lists_.pop_back(); }

 private:
  struct Frame {
    const ConfigNode* node;  // nullptr: the file says nothing, defaults stay
    std::string path;
    std::vector<std::string> known;
  };
  struct List {
    const ConfigNode* node;
    std::string path;
  };

  const ConfigNode* lookup(const std::string& name) {
    Frame& frame = frames_.back();
    LLM_CHECK(std::find(frame.known.begin(), frame.known.end(), name) == frame.known.end(),
              "{} is listed twice", dotted(name));
    frame.known.push_back(name);
    return frame.node == nullptr ? nullptr : frame.node->find(name);
  }

  std::string dotted(const std::string& name) const {
    const std::string& path = frames_.back().path;
    return path.empty() ? name : path + "." + name;
  }

  void leave() {
    refuse_unknown_keys();
    frames_.pop_back();
  }

  void refuse_unknown_keys() const {
    const Frame& frame = frames_.back();
    if (frame.node == nullptr) return;
    for (const auto& [name, value] : frame.node->members) {
      if (std::find(frame.known.begin(), frame.known.end(), name) != frame.known.end()) continue;
      const std::string near = nearest_name(name, frame.known);
      std::string hint = near.empty() ? "" : fmt::format("Did you mean \"{}\"? ", near);
      hint += fmt::format("Known here: {}", fmt::join(frame.known, ", "));
      throw ConfigError({.where = place(value.key_position, dotted(name)),
                         .expected = "a known key",
                         .got = "\"" + name + "\"",
                         .hint = hint});
    }
  }

  static std::string place(const SourcePosition& position, const std::string& key) {
    const std::string text = position.text();
    return text.empty() ? key : text + ": " + key;
  }

  [[noreturn]] static void fail(const ConfigNode& node, const std::string& key,
                                const std::string& expected, const std::string& hint = "") {
    throw ConfigError({.where = place(node.position, key),
                       .expected = expected,
                       .got = shown(node),
                       .hint = hint});
  }

  static void check_range(const ConfigNode& node, const std::string& key, const FieldInfo& info,
                          const char* kind) {
    if (info.range.contains(node.real)) return;
    fail(node, key, fmt::format("{} {}", kind, info.range.text()), as_sentence(info.help));
  }

  template <class T>
  static void read(const ConfigNode& node, const std::string& key, const FieldInfo& info,
                   T& target) {
    if constexpr (kIsOptional<T>) {
      if (node.kind == Kind::kNull) {
        target.reset();
      } else {
        read(node, key, info, target.emplace());
      }
    } else if constexpr (kIsVector<T>) {
      read_list(node, key, info, target);
    } else {
      read_scalar(node, key, info, target);
    }
  }

  template <class T>
  static void read_list(const ConfigNode& node, const std::string& key, const FieldInfo& info,
                        std::vector<T>& target) {
    if (node.kind != Kind::kArray) fail(node, key, "a list, as in [ ... ]");
    std::vector<T> values(node.items.size());
    for (size_t i = 0; i < values.size(); ++i) {
      read_scalar(node.items[i], fmt::format("{}[{}]", key, i), info, values[i]);
    }
    target = std::move(values);
  }

  static void read_scalar(const ConfigNode& node, const std::string& key, const FieldInfo&,
                          bool& target) {
    if (node.kind != Kind::kBool) fail(node, key, "true or false");
    target = node.boolean;
  }

  static void read_scalar(const ConfigNode& node, const std::string& key, const FieldInfo& info,
                          int64_t& target) {
    constexpr double kExactLimit =
        9007199254740992.0;  // 2^53: beyond it 1e18 may be another number
    const bool is_whole = node.kind == Kind::kFloat && std::abs(node.real) <= kExactLimit &&
                          node.real == std::floor(node.real);
    if (node.kind != Kind::kInt && !is_whole) fail(node, key, "a whole number");
    check_range(node, key, info, "a whole number");
    target = node.kind == Kind::kInt ? node.integer : static_cast<int64_t>(node.real);
  }

  static void read_scalar(const ConfigNode& node, const std::string& key, const FieldInfo& info,
                          double& target) {
    if (node.kind != Kind::kInt && node.kind != Kind::kFloat) fail(node, key, "a number");
    check_range(node, key, info, "a number");
    target = node.real;
  }

  static void read_scalar(const ConfigNode& node, const std::string& key, const FieldInfo&,
                          std::string& target) {
    if (node.kind != Kind::kString) fail(node, key, "a string in double quotes");
    target = node.text;
  }

  static void read_scalar(const ConfigNode& node, const std::string& key, const FieldInfo& info,
                          EnumField& target) {
    const auto& choices = info.choices;
    const std::string expected = fmt::format("one of \"{}\"", fmt::join(choices, "\", \""));
    if (node.kind != Kind::kString) fail(node, key, expected);
    if (std::find(choices.begin(), choices.end(), node.text) == choices.end()) {
      const std::string near = nearest_name(node.text, choices);
      fail(node, key, expected, near.empty() ? "" : fmt::format("Did you mean \"{}\"?", near));
    }
    target.set(node.text);
  }

  std::vector<Frame> frames_;
  std::vector<List> lists_;
};

}  // namespace

std::unique_ptr<ConfigVisitor> make_parser(const ConfigNode& root) {
  return std::make_unique<Parser>(root);
}

void finish_parse(ConfigVisitor& parser) {
  auto* known = dynamic_cast<Parser*>(&parser);
  LLM_CHECK(known != nullptr, "not a visitor of make_parser");
  known->finish();
}

}  // namespace llm::core
