// Pieces of a template's source.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llm::text::jinja {

enum class TokenKind {
  kData,           // text outside tags
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,   // text: the characters meant
  kInteger,  // text: as written, without _
  kFloat,
  kOperator,  // text: the operator
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1;

  bool is_operator(std::string_view what) const {
    return kind == TokenKind::kOperator && text == what;
  }
  bool is_name(std::string_view what) const { return kind == TokenKind::kName && text == what; }
};

// Cuts a template as jinja2 does with trim_blocks and lstrip_blocks on and keep_trailing_newline
// off, which is how chat templates are run. `name` is for messages. Requires: valid UTF-8. Throws:
// FormatError with name:line.
std::vector<Token> tokenize(std::string_view source, const std::string& name);

// How messages name a token.
std::string describe(const Token& token);

}  // namespace llm::text::jinja
