#include "corpus/json_text_field.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "llm/core/config.h"
#include "llm/core/error.h"
#include "llm/io/json.h"

namespace llm::corpus {
namespace {

// Receives the parse events of one line; keeps the wanted field and what an error message needs.
class FieldFinder {
 public:
  explicit FieldFinder(const std::string& name) : name_(name) {}

  bool null() { return value("null"); }
  bool boolean(bool) { return value("true or false"); }
  bool number_integer(int64_t) { return value("a number"); }
  bool number_unsigned(uint64_t) { return value("a number"); }
  bool number_float(double, const std::string&) { return value("a number"); }
  bool binary(io::Json::binary_t&) { return value("bytes"); }
  bool string(std::string& content) {
    if (is_wanted()) text = std::move(content);
    return value("a string");
  }
  bool key(std::string& key) {
    if (depth_ == 1) {
      is_named_ = key == name_;
      keys.push_back(std::move(key));
    }
    return true;
  }
  bool start_object(size_t) { return open("an object"); }
  bool start_array(size_t) { return open("an array"); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(size_t position, const std::string&, const io::Json::exception& error) {
    error_byte = position;
    error_text = error.what();
    return false;
  }

  std::string text;
  std::vector<std::string> found;  // kinds of the wanted field's values
  std::string root_kind;
  std::vector<std::string> keys;  // of the top level
  size_t error_byte = 0;          // 1-based
  std::string error_text;

 private:
  bool is_wanted() const { return depth_ == 1 && is_named_ && root_kind == "an object"; }

  bool value(const char* kind) {
    if (depth_ == 0) root_kind = kind;
    if (is_wanted()) found.push_back(kind);
    return true;
  }
  bool open(const char* kind) {
    value(kind);
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  const std::string& name_;
  int depth_ = 0;
  bool is_named_ = false;
};

[[noreturn]] void fail_syntax(const FieldFinder& finder, std::string_view line,
                              const std::string& place) {
  const size_t end = std::min(finder.error_byte == 0 ? 0 : finder.error_byte - 1, line.size());
  const auto is_lead = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto column = 1 + std::ranges::count_if(line.substr(0, end), is_lead);
  throw core::DataError({.where = fmt::format("{}:{}", place, column),
                         .expected = "a JSON object",
                         .got = io::plain_json_problem(finder.error_text),
                         .hint = "Every line of a JSON lines file holds one object"});
}

[[noreturn]] void fail_field(const FieldFinder& finder, const std::string& name,
                             const std::string& place) {
  if (!finder.found.empty()) {
    const bool is_twice = finder.found.size() > 1;
    throw core::DataError({.where = place,
                           .expected = fmt::format("one string in the field \"{}\"", name),
                           .got = is_twice ? "the field twice" : finder.found[0],
                           .hint = is_twice ? "Remove one of them"
                                            : "--text-field names the field that holds the text"});
  }
  const std::string near = core::nearest_name(name, finder.keys);
  const std::string others =
      near.empty() ? "" : fmt::format("; is it in \"{}\"? Then say --text-field {}", near, near);
  throw core::DataError({.where = place,
                         .expected = fmt::format("a field \"{}\" with the text", name),
                         .got = finder.keys.empty()
                                    ? "an empty object"
                                    : fmt::format("the fields {}", fmt::join(finder.keys, ", ")),
                         .hint = "--text-field names the field that holds the text" + others});
}

}  // namespace

std::string json_text_field(std::string_view line, const std::string& name, const std::string& path,
                            uint64_t line_number) {
  FieldFinder finder(name);
  const std::string place = fmt::format("{}:{}", path, line_number);
  if (!io::Json::sax_parse(line, &finder)) fail_syntax(finder, line, place);
  if (finder.root_kind != "an object") {
    throw core::DataError({.where = place,
                           .expected = "a JSON object",
                           .got = finder.root_kind,
                           .hint = "Every line of a JSON lines file holds one object"});
  }
  if (finder.found.size() != 1 || finder.found[0] != "a string") fail_field(finder, name, place);
  return std::move(finder.text);
}

}  // namespace llm::corpus
