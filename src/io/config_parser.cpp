#include "io/config_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "io/text_position.h"
#include "io/utf8_check.h"
#include "llm/core/error.h"

namespace llm::io {
namespace {

using core::ConfigNode;
using Kind = core::ConfigNode::Kind;

constexpr int kMaxDepth = 100;

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Letters, digits and signs that stand together: what a person meant as one value.
bool is_word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '+' ||
         c == '.' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

// The grammar of RFC 8259 section 6.
bool is_json_number(std::string_view word) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < word.size() && is_digit(word[i])) ++i;
    return i > start;
  };
  if (i < word.size() && word[i] == '-') ++i;
  if (i < word.size() && word[i] == '0') {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (i < word.size() && word[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < word.size() && (word[i] == 'e' || word[i] == 'E')) {
    ++i;
    if (i < word.size() && (word[i] == '+' || word[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == word.size();
}

}  // namespace

ConfigParser::ConfigParser(std::string_view text, const std::string& source)
    : text_(text), source_(source) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  refuse_invalid_utf8();
}

ConfigNode ConfigParser::parse() {
  skip_blanks();
  if (at_end()) fail(here(), "a configuration object { ... }", "an empty file");
  ConfigNode root = parse_value(0);
  skip_blanks();
  if (!at_end()) fail(here(), "the end of the file", next_token());
  return root;
}

ConfigNode ConfigParser::parse_value(int depth) {
  const core::SourcePosition position = here();
  if (depth > kMaxDepth) fail(position, fmt::format("at most {} levels", kMaxDepth), "more");
  ConfigNode node;
  const char c = peek();
  if (c == '{') {
    node = parse_object(depth);
  } else if (c == '[') {
    node = parse_array(depth);
  } else if (c == '"') {
    node = core::make_node(parse_string());
  } else if (is_digit(c) || c == '-') {
    node = parse_number();
  } else {
    node = parse_word();
  }
  node.position = position;
  return node;
}

ConfigNode ConfigParser::parse_object(int depth) {
  ConfigNode object;
  object.kind = Kind::kObject;
  const core::SourcePosition open = here();
  advance();
  skip_blanks();
  while (peek() != '}') {
    if (at_end()) {
      fail(here(), "'}'", "the end of the file",
           fmt::format("The object began at line {}", open.line));
    }
    add_member(object, depth);
    if (ends_after_item('}')) break;
  }
  advance();
  return object;
}

void ConfigParser::add_member(ConfigNode& object, int depth) {
  const core::SourcePosition position = here();
  if (peek() != '"') fail(position, "a key in double quotes", next_token());
  const std::string name = parse_string();
  if (const ConfigNode* first = object.find(name)) {
    fail(position, "every key once", fmt::format("\"{}\" again", name),
         fmt::format("It stands first at {}; remove one of the two", first->key_position.text()));
  }
  skip_blanks();
  if (peek() != ':') fail(here(), fmt::format("':' after the key \"{}\"", name), next_token());
  advance();
  skip_blanks();
  ConfigNode value = parse_value(depth + 1);
  value.key_position = position;
  object.members.emplace_back(name, std::move(value));
}

ConfigNode ConfigParser::parse_array(int depth) {
  ConfigNode array;
  array.kind = Kind::kArray;
  const core::SourcePosition open = here();
  advance();
  skip_blanks();
  while (peek() != ']') {
    if (at_end()) {
      fail(here(), "']'", "the end of the file",
           fmt::format("The list began at line {}", open.line));
    }
    array.items.push_back(parse_value(depth + 1));
    if (ends_after_item(']')) break;
  }
  advance();
  return array;
}

bool ConfigParser::ends_after_item(char close) {
  skip_blanks();
  const bool has_comma = peek() == ',';
  if (has_comma) {
    advance();
    skip_blanks();
  }
  if (peek() == close) return true;
  if (!has_comma && !at_end()) {
    fail(here(), fmt::format("',' or '{}'", close), next_token(),
         "Is a comma missing before this?");
  }
  return false;
}

ConfigNode ConfigParser::parse_number() {
  const core::SourcePosition position = here();
  size_t length = 0;
  while (is_word_char(peek(length))) ++length;
  const std::string_view word = text_.substr(offset_, length);
  if (!is_json_number(word)) fail(position, "a number", fmt::format("\"{}\"", word));
  advance(length);
  const char* end = word.data() + word.size();
  if (word.find_first_of(".eE") == std::string_view::npos) {
    int64_t integer = 0;
    if (std::from_chars(word.data(), end, integer).ec != std::errc()) {
      fail(position, "a whole number of at most 63 bits", std::string(word));
    }
    return core::make_node(integer);
  }
  double real = 0;
  if (std::from_chars(word.data(), end, real).ec != std::errc()) {
    fail(position, "a number between 1e-308 and 1e308 in size, or 0", std::string(word));
  }
  return core::make_node(real);
}

ConfigNode ConfigParser::parse_word() {
  const auto starts_with = [&](std::string_view word) {
    return text_.substr(offset_).starts_with(word) && !is_word_char(peek(word.size()));
  };
  for (const std::string_view word : {"true", "false", "null"}) {
    if (!starts_with(word)) continue;
    advance(word.size());
    return word == "null" ? ConfigNode{} : core::make_node(word == "true");
  }
  const bool is_bare = std::isalpha(static_cast<unsigned char>(peek())) || peek() == '\'';
  fail(here(), "a value", next_token(),
       is_bare ? "Strings stand in double quotes; other words are true, false and null" : "");
}

std::string ConfigParser::parse_string() {
  const core::SourcePosition start = here();
  advance();
  std::string out;
  while (peek() != '"') {
    if (at_end() || peek() == '\n') fail(start, "a closing '\"' on the same line", "none");
    if (static_cast<unsigned char>(peek()) < 0x20) {
      fail(here(), "a printable character", fmt::format("byte 0x{:02x}", peek()),
           "Write control characters as \\t or \\u0009");
    }
    if (peek() == '\\') {
      parse_escape(out);
    } else {
      out += peek();
      advance();
    }
  }
  advance();
  return out;
}

void ConfigParser::parse_escape(std::string& out) {
  const core::SourcePosition position = here();
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  const char name = peek(1);
  advance(2);
  if (const size_t index = kNames.find(name); name != '\0' && index != std::string_view::npos) {
    out += kValues[index];
    return;
  }
  if (name != 'u') {
    fail(position, "an escape such as \\n, \\\" or \\u0041", fmt::format("\"\\{}\"", name),
         "A backslash itself is written \\\\");
  }
  unsigned code = parse_hex4();
  if (code >= 0xD800 && code < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
    advance(2);
    const unsigned second = parse_hex4();
    const bool is_pair = second >= 0xDC00 && second < 0xE000;
    code = is_pair ? 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00) : 0xD800;
  }
  if (code >= 0xD800 && code < 0xE000) {
    fail(position, "two \\u escapes that form a surrogate pair", "half of one");
  }
  append_utf8(out, code);
}

unsigned ConfigParser::parse_hex4() {
  const std::string_view digits = text_.substr(std::min(offset_, text_.size()), 4);
  unsigned code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) {
    fail(here(), "four hexadecimal digits after \\u", fmt::format("\"{}\"", digits));
  }
  advance(4);
  return code;
}

void ConfigParser::refuse_invalid_utf8() const {
  const size_t bad = first_invalid_utf8(text_);
  if (bad == std::string_view::npos) return;
  const TextPosition position = text_position(text_, bad);
  fail({source_, position.line, position.column}, "UTF-8 text",
       fmt::format("byte 0x{:02x}", static_cast<unsigned char>(text_[bad])),
       "Save the file as UTF-8");
}

void ConfigParser::skip_blanks() {
  while (!at_end()) {
    const char c = peek();
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      advance();
    } else if (c == '/' && (peek(1) == '/' || peek(1) == '*')) {
      skip_comment();
    } else {
      return;
    }
  }
}

void ConfigParser::skip_comment() {
  const core::SourcePosition start = here();
  const bool is_line = peek(1) == '/';
  const size_t end = text_.find(is_line ? "\n" : "*/", offset_ + 2);
  if (end == std::string_view::npos && !is_line) fail(start, "'*/' that ends the comment", "none");
  advance(std::min(end, text_.size()) - offset_ + (is_line ? 0 : 2));
}

void ConfigParser::advance(size_t count) {
  const size_t end = std::min(offset_ + count, text_.size());
  const TextPosition moved = text_position(text_.substr(offset_, end - offset_), end - offset_);
  column_ = moved.line > 1 ? moved.column : column_ + moved.column - 1;
  line_ += moved.line - 1;
  offset_ = end;
}

char ConfigParser::peek(size_t ahead) const {
  return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
}

std::string ConfigParser::next_token() const {
  if (at_end()) return "the end of the file";
  size_t length = 0;
  while (length < 30 && is_word_char(peek(length))) ++length;
  if (length == 0) return fmt::format("'{}'", peek());
  return fmt::format("\"{}\"", text_.substr(offset_, length));
}

void ConfigParser::fail(const core::SourcePosition& where, const std::string& expected,
                        const std::string& got, const std::string& hint) const {
  throw core::ConfigError({.where = where.text(), .expected = expected, .got = got, .hint = hint});
}

}  // namespace llm::io
