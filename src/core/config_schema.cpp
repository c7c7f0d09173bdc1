#include <cmath>

#include "core/field_value.h"
#include "llm/core/config.h"

namespace llm::core {
namespace {

using Kind = ConfigNode::Kind;

void add(ConfigNode& object, const char* name, ConfigNode value) {
  object.members.emplace_back(name, std::move(value));
}

ConfigNode object_node() {
  ConfigNode node;
  node.kind = Kind::kObject;
  return node;
}

const char* type_name(const bool*) { return "boolean"; }
const char* type_name(const int64_t*) { return "integer"; }
const char* type_name(const double*) { return "number"; }
const char* type_name(const std::string*) { return "string"; }

void add_range(ConfigNode& schema, const Range& range) {
  if (std::isfinite(range.low)) {
    add(schema, range.low_open ? "exclusiveMinimum" : "minimum", make_node(range.low));
  }
  if (std::isfinite(range.high)) {
    add(schema, range.high_open ? "exclusiveMaximum" : "maximum", make_node(range.high));
  }
}

template <class T>
void describe(ConfigNode& schema, const FieldInfo& info, const T* type) {
  add(schema, "type", make_node(type_name(type)));
  add_range(schema, info.range);
}

template <class T>
void describe(ConfigNode& schema, const FieldInfo& info, const std::optional<T>*) {
  ConfigNode types;
  types.kind = Kind::kArray;
  types.items = {make_node(type_name(static_cast<const T*>(nullptr))), make_node("null")};
  add(schema, "type", std::move(types));
  add_range(schema, info.range);
}

template <class T>
void describe(ConfigNode& schema, const FieldInfo& info, const std::vector<T>*) {
  add(schema, "type", make_node("array"));
  ConfigNode items = object_node();
  describe(items, info, static_cast<const T*>(nullptr));
  add(schema, "items", std::move(items));
}

void describe(ConfigNode& schema, const FieldInfo& info, const EnumField*) {
  ConfigNode choices;
  choices.kind = Kind::kArray;
  for (const std::string& choice : info.choices) choices.items.push_back(make_node(choice));
  add(schema, "enum", std::move(choices));
}

// An object that allows its listed properties only.
void make_object_schema(ConfigNode& schema, const std::string& help) {
  schema.kind = Kind::kObject;
  add(schema, "type", make_node("object"));
  if (!help.empty()) add(schema, "description", make_node(help));
  add(schema, "additionalProperties", make_node(false));
  add(schema, "properties", object_node());
}

ConfigNode text_property(const char* description) {
  ConfigNode schema = object_node();
  add(schema, "type", make_node("string"));
  add(schema, "description", make_node(description));
  return schema;
}

class SchemaWriter final : public ConfigVisitor {
 public:
  explicit SchemaWriter(ConfigNode* out) {
    out->kind = Kind::kObject;
    add(*out, "$schema", make_node("https://json-schema.org/draft/2020-12/schema"));
    make_object_schema(*out, "");
    open_.push_back(out);
    add(properties(), "$schema", text_property("where an editor finds this schema"));
    add(properties(), "extends", text_property("a config file this one is laid over"));
  }

 protected:
  void on_field(const FieldInfo& info, FieldRef value) override {
    ConfigNode schema = object_node();
    std::visit([&](const auto* pointer) { describe(schema, info, pointer); }, value);
    add(schema, "description", make_node(info.help));
    add(schema, "default", field_value(value));
    add(properties(), info.name.c_str(), std::move(schema));
  }

  bool begin_section(const std::string& name, const std::string& help) override {
    ConfigNode& schema = properties().members.emplace_back(name, ConfigNode{}).second;
    make_object_schema(schema, help);
    open_.push_back(&schema);
    return true;
  }

  void end_section() override { open_.pop_back(); }

  size_t begin_list(const std::string& name, const std::string& help, size_t) override {
    ConfigNode& schema = properties().members.emplace_back(name, object_node()).second;
    add(schema, "type", make_node("array"));
    add(schema, "description", make_node(help));
    ConfigNode& items = schema.members.emplace_back("items", ConfigNode{}).second;
    make_object_schema(items, "");
    open_.push_back(&items);
    return 0;  // the prototype stands for every entry
  }

  void begin_item(size_t) override {}
  void end_item() override {}
  void end_list() override { open_.pop_back(); }
  bool wants_prototype() const override { return true; }

 private:
  ConfigNode& properties() { return *open_.back()->find("properties"); }

  // Only the last one grows, so the pointers to its ancestors stay valid.
  std::vector<ConfigNode*> open_;
};

}  // namespace

std::unique_ptr<ConfigVisitor> make_schema_writer(ConfigNode* out) {
  return std::make_unique<SchemaWriter>(out);
}

}  // namespace llm::core
