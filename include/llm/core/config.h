// Configuration by reflection: a struct lists each field once, and parsing, unknown-key errors,
// dumps, diffs, --help-config and the JSON Schema all come from that list.
//
//   struct ClipConfig {
//     double max_norm = 1.0;
//     template <class V>
//     void visit(V& v) {
//       v.field("max_norm", max_norm, "largest gradient norm; 0: no clipping", core::at_least(0));
//     }
//   };
//   // inside an owner:
//   v.section("clip", clip, "gradient clipping");
//   v.list("sources", sources, "one entry per corpus");  // a std::vector of such structs
//
// An enum takes part through  `const std::vector<std::pair<E, std::string>>& config_enum_names(E)`
// found by argument lookup.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "llm/core/config_node.h"

namespace llm::core {

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;  // low itself is not allowed
  bool high_open = false;
  std::string text() const;  // "> 0", "in [0, 1)", "" when unlimited
  bool contains(double value) const;
};
Range at_least(double low);
Range more_than(double low);
Range between(double low, double high);            // [low, high]
Range between_open_high(double low, double high);  // [low, high)

struct FieldInfo {
  std::string name;
  std::string help;
  Range range;                       // numbers only
  std::vector<std::string> choices;  // enums only
};

// A value behind a pointer to one of the types a config field can have; enums travel as their
// names.
struct EnumField {
  std::function<std::string()> get;
  std::function<void(const std::string&)> set;  // Requires: one of FieldInfo::choices
};
using FieldRef =
    std::variant<bool*, int64_t*, double*, std::string*, std::optional<int64_t>*,
                 std::optional<double>*, std::optional<std::string>*, std::vector<int64_t>*,
                 std::vector<double>*, std::vector<std::string>*, EnumField*>;

class ConfigVisitor {
 public:
  virtual ~ConfigVisitor() = default;

  template <class T>
  void field(const char* name, T& value, const char* help, Range range = {}) {
    if constexpr (std::is_enum_v<T>) {
      FieldInfo info{name, help, {}, {}};
      const auto& names = config_enum_names(T{});
      for (const auto& [unused, text] : names) info.choices.push_back(text);
      EnumField ref{[&value, &names] {
                      for (const auto& [e, text] : names)
                        if (e == value) return text;
                      return std::string("?");
                    },
                    [&value, &names](const std::string& wanted) {
                      for (const auto& [e, text] : names)
                        if (text == wanted) value = e;
                    }};
      on_field(info, FieldRef(&ref));
    } else {
      on_field(FieldInfo{name, help, range, {}}, FieldRef(&value));
    }
  }

  template <class Struct>
  void section(const char* name, Struct& value, const char* help) {
    if (!begin_section(name, help)) return;
    value.visit(*this);
    end_section();
  }

  template <class Struct>
  void list(const char* name, std::vector<Struct>& values, const char* help) {
    const size_t count = begin_list(name, help, values.size());
    values.resize(count);
    for (size_t i = 0; i < count; ++i) {
      begin_item(i);
      values[i].visit(*this);
      end_item();
    }
    if (count == 0 && wants_prototype()) {
      Struct prototype;
      begin_item(0);
      prototype.visit(*this);
      end_item();
    }
    end_list();
  }

 protected:
  virtual void on_field(const FieldInfo& info, FieldRef value) = 0;
  // False: skip the section.
  virtual bool begin_section(const std::string& name, const std::string& help) = 0;
  virtual void end_section() = 0;
  // Returns how many entries the list shall have.
  virtual size_t begin_list(const std::string& name, const std::string& help, size_t current) = 0;
  virtual void begin_item(size_t index) = 0;
  virtual void end_item() = 0;
  virtual void end_list() = 0;
  // Schema and help describe the entries of an empty list too.
  virtual bool wants_prototype() const { return false; }
};

// Each of these walks the struct's field list with a visitor of config_visitors (src/core).
std::unique_ptr<ConfigVisitor> make_parser(const ConfigNode& root);  // see parse_config
void finish_parse(ConfigVisitor& parser);                            // unknown-key check
std::unique_ptr<ConfigVisitor> make_dumper(ConfigNode* out);         // see dump_config
std::unique_ptr<ConfigVisitor> make_help_writer(std::string* out);   // see config_help
std::unique_ptr<ConfigVisitor> make_schema_writer(ConfigNode* out);  // see config_schema

// Fills `config` from the tree; fields not named keep their defaults. A whole number may be written
// as 1e9 where it is exact; null switches an optional field off.
// Throws: ConfigError for an unknown key (with the nearest known name), a wrong type, a value out
// of range: each with file:line:column and the dotted key.
template <class Struct>
void parse_config(const ConfigNode& root, Struct& config) {
  auto visitor = make_parser(root);
  config.visit(*visitor);
  finish_parse(*visitor);
}

template <class Struct>
ConfigNode dump_config(Struct config) {
  ConfigNode out;
  auto visitor = make_dumper(&out);
  config.visit(*visitor);
  return out;
}

// One line per field: dotted key, type, default, range, help.
template <class Struct>
std::string config_help(Struct config) {
  std::string out;
  auto visitor = make_help_writer(&out);
  config.visit(*visitor);
  return out;
}

// JSON Schema (draft 2020-12) of the struct, as a tree ready to be written as JSON.
template <class Struct>
ConfigNode config_schema(Struct config) {
  ConfigNode out;
  auto visitor = make_schema_writer(&out);
  config.visit(*visitor);
  return out;
}

struct ConfigDifference {
  std::string key;     // dotted
  std::string before;  // JSON text, or "(absent)"
  std::string after;
};
std::vector<ConfigDifference> diff_config(const ConfigNode& before, const ConfigNode& after);

// The candidate a person most likely meant, or "" when none is near: a few typing errors away
// (Damerau-Levenshtein), its initials ("lr" for "learning_rate" and the reverse), or sharing its
// first word ("warmup" for "warmup_steps").
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace llm::core
