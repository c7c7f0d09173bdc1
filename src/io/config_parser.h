// The grammar of run configurations: JSON (RFC 8259) with comments and trailing commas, every value
// with its place.
#pragma once

#include <string>
#include <string_view>

#include "llm/core/config_node.h"

namespace llm::io {

// A recursive-descent parser over one text. Used once. Throws: ConfigError.
class ConfigParser {
 public:
  ConfigParser(std::string_view text, const std::string& source);
  core::ConfigNode parse();

 private:
  core::ConfigNode parse_value(int depth);
  core::ConfigNode parse_object(int depth);
  core::ConfigNode parse_array(int depth);
  core::ConfigNode parse_number();
  core::ConfigNode parse_word();
  std::string parse_string();
  void parse_escape(std::string& out);
  unsigned parse_hex4();

  void add_member(core::ConfigNode& object, int depth);
  void refuse_invalid_utf8() const;
  void skip_blanks();
  void skip_comment();
  void advance(size_t count = 1);
  bool at_end() const { return offset_ >= text_.size(); }
  char peek(size_t ahead = 0) const;
  // After an item: true when `close` follows (with or without a comma before it).
  bool ends_after_item(char close);
  std::string next_token() const;
  core::SourcePosition here() const { return {source_, line_, column_}; }
  [[noreturn]] void fail(const core::SourcePosition& where, const std::string& expected,
                         const std::string& got, const std::string& hint = "") const;

  std::string_view text_;
  const std::string& source_;
  size_t offset_ = 0;
  int line_ = 1;
  int column_ = 1;
};

}  // namespace llm::io
