#include "core/field_value.h"
#include "llm/core/config.h"

namespace llm::core {
namespace {

class Dumper final : public ConfigVisitor {
 public:
  explicit Dumper(ConfigNode* out) {
    out->kind = ConfigNode::Kind::kObject;
    open_.push_back(out);
  }

 protected:
  void on_field(const FieldInfo& info, FieldRef value) override {
    open_.back()->members.emplace_back(info.name, field_value(value));
  }

  bool begin_section(const std::string& name, const std::string&) override {
    open_member(name, ConfigNode::Kind::kObject);
    return true;
  }

  void end_section() override { open_.pop_back(); }

  size_t begin_list(const std::string& name, const std::string&, size_t current) override {
    open_member(name, ConfigNode::Kind::kArray);
    return current;
  }

  void begin_item(size_t) override {
    ConfigNode& item = open_.back()->items.emplace_back();
    item.kind = ConfigNode::Kind::kObject;
    open_.push_back(&item);
  }

  void end_item() override { open_.pop_back(); }
  void end_list() override { open_.pop_back(); }

 private:
  void open_member(const std::string& name, ConfigNode::Kind kind) {
    ConfigNode& child = open_.back()->members.emplace_back(name, ConfigNode{}).second;
    child.kind = kind;
    open_.push_back(&child);
  }

  // Only the last one grows, so the pointers to its ancestors stay valid.
  std::vector<ConfigNode*> open_;
};

}  // namespace

std::unique_ptr<ConfigVisitor> make_dumper(ConfigNode* out) {
  return std::make_unique<Dumper>(out);
}

}  // namespace llm::core
