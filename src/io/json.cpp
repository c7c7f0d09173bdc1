#include "llm/io/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "io/text_position.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

// Values of nlohmann::json are copied and written recursively, a stack frame or more per level.
constexpr int kMaxDepth = 512;

// The byte behind the string that opens at text[quote], or the text's end.
size_t behind_string(std::string_view text, size_t quote) {
  for (size_t i = quote + 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return text.size();
}

// Offset of the first bracket that opens one level too many, or npos. Agrees with the parser up to
// the first syntax error, where the parser stops.
size_t find_too_deep(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = behind_string(text, i);
      continue;
    }
    if ((c == '[' || c == '{') && ++depth > kMaxDepth) return i;
    if (c == ']' || c == '}') --depth;
    ++i;
  }
  return std::string_view::npos;
}

// What follows the first `mark`; the whole text without one.
std::string behind(const std::string& text, std::string_view mark) {
  const size_t found = text.find(mark);
  return found == std::string::npos ? text : text.substr(found + mark.size());
}

[[noreturn]] void fail(const std::string& place, const std::string& reason) {
  throw core::FormatError({.where = place, .expected = "valid JSON", .got = reason, .hint = ""});
}

template <class AnyJson>
AnyJson parse(std::string_view text, const std::string& where,
              const typename AnyJson::parser_callback_t& callback = nullptr) {
  if (const size_t deep = find_too_deep(text); deep != std::string_view::npos)
    throw core::FormatError({.where = place_in_text(where, text, deep),
                             .expected = fmt::format("at most {} levels of JSON", kMaxDepth),
                             .got = "more",
                             .hint = ""});
  try {
    return AnyJson::parse(text, callback);
  } catch (const nlohmann::json::parse_error& error) {
    const size_t last = std::min(error.byte, text.size() + 1);
    fail(place_in_text(where, text, last == 0 ? 0 : last - 1), plain_json_problem(error.what()));
  } catch (const nlohmann::json::exception& error) {
    fail(where, plain_json_problem(error.what()));
  }
}

std::string read_content(const std::filesystem::path& path) {
  std::string text = read_file(path);
  if (text.empty()) throw empty_file(path, "JSON");
  return text;
}

// Refuses an object that names a key twice.
template <class AnyJson>
AnyJson parse_unique(std::string_view text, const std::string& where) {
  using Event = typename AnyJson::parse_event_t;
  std::vector<std::set<std::string>> open_objects;
  const auto watch_keys = [&](int, Event event, AnyJson& value) {
    if (event == Event::object_start) open_objects.emplace_back();
    if (event == Event::object_end) open_objects.pop_back();
    if (event == Event::key) {
      const auto& name = value.template get_ref<const std::string&>();
      if (!open_objects.back().insert(name).second) {
        throw core::FormatError({.where = where,
                                 .expected = "every key once in an object",
                                 .got = "\"" + name + "\" twice",
                                 .hint = ""});
      }
    }
    return true;
  };
  return parse<AnyJson>(text, where, watch_keys);
}

}  // namespace

// "[json.exception.parse_error.101] parse error at line 1, column 3: syntax error while parsing
// value - unexpected ']'; expected string literal" -> "']' in place of string literal".
std::string plain_json_problem(const std::string& what) {
  std::string text = behind(what, "] ");
  if (text.starts_with("parse error")) text = behind(text, ": ");
  if (text.starts_with("syntax error")) text = behind(text, " - ");
  const size_t last_read = text.find("; last read: '");
  const size_t behind_it = text.find("'; expected ", last_read);
  if (last_read != std::string::npos) {
    text.erase(last_read, behind_it == std::string::npos ? behind_it : behind_it + 1 - last_read);
  }
  if (text.starts_with("unexpected ")) text = text.substr(std::string_view("unexpected ").size());
  constexpr std::string_view kExpected = "; expected ";
  const size_t expected = text.find(kExpected);
  if (expected != std::string::npos) text.replace(expected, kExpected.size(), " in place of ");
  return text;
}

Json parse_json(std::string_view text, const std::string& where) {
  return parse<Json>(text, where);
}

OrderedJson parse_ordered_json(std::string_view text, const std::string& where) {
  return parse<OrderedJson>(text, where);
}

Json parse_json_unique(std::string_view text, const std::string& where) {
  return parse_unique<Json>(text, where);
}

OrderedJson parse_ordered_json_unique(std::string_view text, const std::string& where) {
  return parse_unique<OrderedJson>(text, where);
}

bool is_json(std::string_view text) { return Json::accept(text); }

std::string dump_json(const OrderedJson& value, int indent) {
  return value.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

Json read_json_file(const std::filesystem::path& path) {
  return parse_json(read_content(path), path.string());
}

OrderedJson read_ordered_json_file(const std::filesystem::path& path) {
  return parse_ordered_json(read_content(path), path.string());
}

OrderedJson read_ordered_json_file_unique(const std::filesystem::path& path) {
  return parse_ordered_json_unique(read_content(path), path.string());
}

}  // namespace llm::io
