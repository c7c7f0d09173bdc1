#include "text/jinja/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/edits.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "llm/core/check.h"
#include "llm/text/utf8.h"

namespace llm::text::jinja {
namespace {

bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<uint8_t>(c) >= 0x80) return false;
  return true;
}

char change_ascii(char c, CaseChange change) {
  if (change == CaseChange::kUpper || change == CaseChange::kTitle)
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

void map_with_icu(std::string_view text, CaseChange change, icu::ByteSink& sink, icu::Edits& edits,
                  UErrorCode& status) {
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  switch (change) {
    case CaseChange::kUpper:
      return icu::CaseMap::utf8ToUpper("", 0, piece, sink, &edits, status);
    case CaseChange::kLower:
      return icu::CaseMap::utf8ToLower("", 0, piece, sink, &edits, status);
    case CaseChange::kFold:
      return icu::CaseMap::utf8Fold(0, piece, sink, &edits, status);
    case CaseChange::kTitle:
      // Each text given here is one character, and adjusting would look for a letter in it.
      return icu::CaseMap::utf8ToTitle("",
                                       U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT,
                                       nullptr, piece, sink, &edits, status);
  }
}

}  // namespace

Character character_at(std::string_view text, size_t byte) {
  int32_t at = static_cast<int32_t>(byte);
  UChar32 code = 0;
  U8_NEXT_OR_FFFD(text.data(), at, static_cast<int32_t>(text.size()), code);
  return {static_cast<char32_t>(code), byte, static_cast<size_t>(at)};
}

Character character_before(std::string_view text, size_t byte) {
  int32_t at = static_cast<int32_t>(byte);
  UChar32 code = 0;
  U8_PREV_OR_FFFD(text.data(), 0, at, code);
  return {static_cast<char32_t>(code), static_cast<size_t>(at), byte};
}

int64_t count_characters(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

size_t byte_of_character(std::string_view text, int64_t index) {
  if (index <= 0) return 0;
  size_t at = 0;
  for (; at < text.size(); ++at)
    if ((text[at] & 0xC0) != 0x80 && index-- == 0) break;
  return at;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool is_letter(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0; }

bool is_decimal(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE) == U_NT_DECIMAL;
}

bool is_digit(char32_t c) {
  const int32_t type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}

bool is_numeric(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool is_alphanumeric(char32_t c) { return is_letter(c) || is_numeric(c); }
bool is_lower(char32_t c) { return u_isULowercase(static_cast<UChar32>(c)); }
bool is_upper(char32_t c) { return u_isUUppercase(static_cast<UChar32>(c)); }
bool is_title(char32_t c) { return u_charType(static_cast<UChar32>(c)) == U_TITLECASE_LETTER; }

bool is_printable(char32_t c) {
  const uint32_t hidden = U_GC_C_MASK | U_GC_Z_MASK;
  return c == ' ' || (U_GET_GC_MASK(static_cast<UChar32>(c)) & hidden) == 0;
}

bool is_identifier_start(char32_t c) {
  return c == '_' || u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_XID_START);
}

bool is_identifier_part(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_XID_CONTINUE);
}

Text change_case(const Text& text, CaseChange change) {
  std::string mapped;
  Text out;
  if (is_ascii(text.bytes())) {
    size_t begin = 0;
    for (const Piece& piece : text.pieces()) {
      mapped = text.bytes().substr(begin, piece.end - begin);
      for (char& c : mapped) c = change_ascii(c, change);
      out.append(mapped, piece.origin, piece.generated);
      begin = piece.end;
    }
    return out;
  }
  icu::StringByteSink<std::string> sink(&mapped);
  icu::Edits edits;
  UErrorCode status = U_ZERO_ERROR;
  map_with_icu(text.bytes(), change, sink, edits, status);
  LLM_CHECK(U_SUCCESS(status), "ICU cannot map the case: {}", u_errorName(status));
  auto edit = edits.getFineIterator();
  while (edit.next(status)) {
    const Text old =
        text.slice(edit.sourceIndex(), static_cast<size_t>(edit.sourceIndex()) + edit.oldLength());
    if (edit.hasChange()) {
      out.append(std::string_view(mapped).substr(edit.destinationIndex(), edit.newLength()),
                 old.origin_at(0), !old.pieces().empty() && old.pieces()[0].generated);
    } else {
      out.append(old);
    }
  }
  return out;
}

}  // namespace llm::text::jinja
