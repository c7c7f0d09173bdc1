#include <fmt/format.h>

#include "core/field_value.h"
#include "llm/core/config.h"

namespace llm::core {
namespace {

class HelpWriter final : public ConfigVisitor {
 public:
  explicit HelpWriter(std::string* out) : out_(out) {}

 protected:
  void on_field(const FieldInfo& info, FieldRef value) override {
    const std::string range = info.range.text();
    *out_ +=
        fmt::format("  {:<34} {} = {}{}: {}\n", prefix_.back() + info.name, field_type(info, value),
                    json_text(field_value(value)), range.empty() ? "" : ", " + range, info.help);
  }

  bool begin_section(const std::string& name, const std::string& help) override {
    *out_ += fmt::format("{}{}: {}\n", out_->empty() ? "" : "\n", prefix_.back() + name, help);
    prefix_.push_back(prefix_.back() + name + ".");
    return true;
  }

  void end_section() override { prefix_.pop_back(); }

  size_t begin_list(const std::string& name, const std::string& help, size_t) override {
    const std::string key = prefix_.back() + name + "[]";
    *out_ += fmt::format("{}{}: {}\n", out_->empty() ? "" : "\n", key, help);
    prefix_.push_back(key + ".");
    return 0;  // the prototype stands for every entry
  }

  void begin_item(size_t) override {}
  void end_item() override {}
  void end_list() override { prefix_.pop_back(); }
  bool wants_prototype() const override { return true; }

 private:
  std::string* out_;
  std::vector<std::string> prefix_{""};
};

}  // namespace

std::unique_ptr<ConfigVisitor> make_help_writer(std::string* out) {
  return std::make_unique<HelpWriter>(out);
}

}  // namespace llm::core
