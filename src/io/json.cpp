#include "llm/io/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "io/text_position.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

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
  try {
    return AnyJson::parse(text, callback);
  } catch (const nlohmann::json::parse_error& error) {
    const size_t last = std::min(error.byte, text.size() + 1);
    fail(place_in_text(where, text, last == 0 ? 0 : last - 1), plain_json_problem(error.what()));
  } catch (const nlohmann::json::exception& error) {
    fail(where, plain_json_problem(error.what()));
  }
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

Json read_json_file(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

OrderedJson read_ordered_json_file(const std::filesystem::path& path) {
  return parse_ordered_json(read_file(path), path.string());
}

}  // namespace llm::io
