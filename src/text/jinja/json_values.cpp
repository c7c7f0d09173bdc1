#include "text/jinja/json_values.h"

#include <cmath>

#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

constexpr int kMaxJsonDepth = 200;

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget)
      : style_(style), budget_(budget), out_(budget) {}

  void write(const Value& value, OriginId origin) {
    budget_.step();
    if (++depth_ > kMaxJsonDepth) throw RenderFailure("a value nested too deeply for JSON");
    if (value.is_string()) {
      write_string(value.text());
    } else if (value.is_dict()) {
      write_dict(value.dict());
    } else if (is_array(value)) {
      write_array(value.sequence());
    } else {
      out_.add(scalar(value), origin);
    }
    --depth_;
  }

  Text take() { return out_.take(); }

 private:
  static bool is_array(const Value& value) {
    if (!value.is_sequence()) return false;
    const SequenceKind kind = value.sequence().kind;
    return kind == SequenceKind::kList || kind == SequenceKind::kTuple ||
           kind == SequenceKind::kGroup;
  }

  static std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is<bool>()) return value.boolean() ? "true" : "false";
    if (value.is<int64_t>()) return std::to_string(value.integer());
    if (!value.is<double>())
      throw RenderFailure(
          fmt::format("Object of type {} is not JSON serializable", type_name(value)));
    if (std::isnan(value.number())) return "NaN";
    if (std::isinf(value.number())) return value.number() < 0 ? "-Infinity" : "Infinity";
    return float_repr(value.number());
  }

  void write_array(const Sequence& sequence) {
    if (sequence.items.empty()) return out_.add("[]", sequence.origin);
    out_.add("[", sequence.origin);
    ++level_;
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      begin_item(i, sequence.origin);
      write(sequence.items[i], sequence.origin);
    }
    --level_;
    end_items("]", sequence.origin);
  }

  void write_dict(const Dict& dict) {
    if (dict.items.empty()) return out_.add("{}", dict.origin);
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : dict.items) items.push_back(&item);
    if (style_.sorts_keys) {
      std::ranges::stable_sort(items, [&](const auto* a, const auto* b) {
        return is_less(a->first, b->first, budget_);
      });
    }
    out_.add("{", dict.origin);
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      begin_item(i, dict.origin);
      write_key(items[i]->first, dict.origin);
      out_.add(style_.key_separator, dict.origin);
      write(items[i]->second, dict.origin);
    }
    --level_;
    end_items("}", dict.origin);
  }

  void write_key(const Value& key, OriginId origin) {
    if (key.is_string()) return write_string(key.text());
    if (!key.is_none() && !key.is_number())
      throw RenderFailure(
          fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
    out_.add("\"" + scalar(key) + "\"", origin);
  }

  void begin_item(size_t index, OriginId origin) {
    if (index > 0) out_.add(style_.item_separator, origin);
    add_line(origin);
  }

  void end_items(const char* bracket, OriginId origin) {
    add_line(origin);
    out_.add(bracket, origin);
  }

  void add_line(OriginId origin) {
    if (!style_.indent) return;
    out_.add("\n", origin);
    for (int i = 0; i < level_; ++i) out_.add(*style_.indent, origin);
  }

  void write_string(const Text& text) {
    const std::string& bytes = text.bytes();
    out_.add("\"", text.origin_at(0));
    size_t plain = 0;
    for (size_t at = 0; at < bytes.size();) {
      const Character c = character_at(bytes, at);
      const std::string escape = escaped(c.code);
      if (!escape.empty()) {
        out_.add(text.slice(plain, at));
        out_.add(escape, text.origin_at(at));
        plain = c.end;
      }
      at = c.end;
    }
    out_.add(text.slice(plain));
    out_.add("\"", text.origin_at(bytes.size()));
  }

  std::string escaped(char32_t code) const {
    const auto number = static_cast<uint32_t>(code);
    if (code == '"') return "\\\"";
    if (code == '\\') return "\\\\";
    if (code == '\n') return "\\n";
    if (code == '\r') return "\\r";
    if (code == '\t') return "\\t";
    if (code == '\b') return "\\b";
    if (code == '\f') return "\\f";
    if (number < 0x20) return fmt::format("\\u{:04x}", number);
    if (!style_.is_ascii || number < 0x7F) return "";
    if (number < 0x10000) return fmt::format("\\u{:04x}", number);
    const uint32_t rest = number - 0x10000;
    return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
  }

  const JsonStyle& style_;
  Budget& budget_;
  TextBuilder out_;
  int depth_ = 0;
  int level_ = 0;
};

Value array_of_json(const io::OrderedJson& json, OriginId origin, int depth);

Value value_of(const io::OrderedJson& json, OriginId origin, int depth) {
  if (depth > kMaxContainerDepth - 10)
    throw RenderFailure(fmt::format("JSON nested more than {} deep", depth - 1));
  if (json.is_string()) return Text(json.get_ref<const std::string&>(), origin);
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX)
    throw RenderFailure("a whole number beyond 64 bits: " + json.dump());
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_array()) return array_of_json(json, origin, depth);
  if (!json.is_object()) return None{};
  auto dict = std::make_shared<Dict>();
  dict->origin = origin;
  for (const auto& [key, item] : json.items()) {
    Value value = value_of(item, origin, depth + 1);
    dict->depth = std::max(dict->depth, depth_of(value) + 1);
    dict->items.emplace_back(Text(key, origin), std::move(value));
  }
  return dict;
}

Value array_of_json(const io::OrderedJson& json, OriginId origin, int depth) {
  auto list = std::make_shared<Sequence>();
  list->origin = origin;
  for (const auto& item : json) {
    list->items.push_back(value_of(item, origin, depth + 1));
    list->depth = std::max(list->depth, depth_of(list->items.back()) + 1);
  }
  return list;
}

}  // namespace

Value value_of_json(const io::OrderedJson& json, OriginId origin) {
  return value_of(json, origin, 1);
}

Text to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  JsonWriter writer(style, budget);
  writer.write(value, kTemplateOrigin);
  return writer.take();
}

}  // namespace llm::text::jinja
