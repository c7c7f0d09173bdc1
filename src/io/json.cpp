#include "llm/io/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "io/text_position.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

// "[json.exception.parse_error.101] parse error at line 1, column 3: X" -> "X".
std::string reason_of(const nlohmann::json::exception& error) {
  const std::string text = error.what();
  const size_t column = text.find(", column ");
  size_t start = text.find(": ", column == std::string::npos ? 0 : column);
  if (column == std::string::npos) start = text.find("] ");
  return start == std::string::npos ? text : text.substr(start + 2);
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
    fail(place_in_text(where, text, last == 0 ? 0 : last - 1), reason_of(error));
  } catch (const nlohmann::json::exception& error) {
    fail(where, reason_of(error));
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  return parse<Json>(text, where);
}

OrderedJson parse_ordered_json(std::string_view text, const std::string& where) {
  return parse<OrderedJson>(text, where);
}

Json parse_json_unique(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> open_objects;
  const auto watch_keys = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!open_objects.back().insert(name).second) {
        throw core::FormatError({.where = where,
                                 .expected = "every key once in an object",
                                 .got = "\"" + name + "\" twice",
                                 .hint = ""});
      }
    }
    return true;
  };
  return parse<Json>(text, where, watch_keys);
}

Json read_json_file(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

OrderedJson read_ordered_json_file(const std::filesystem::path& path) {
  return parse_ordered_json(read_file(path), path.string());
}

}  // namespace llm::io
