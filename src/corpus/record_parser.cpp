#include <fmt/format.h>

#include <algorithm>

#include "corpus/blank.h"
#include "corpus/json_text_field.h"
#include "llm/core/error.h"
#include "llm/corpus/document_reader.h"
#include "llm/corpus/html_text.h"
#include "llm/io/file.h"
#include "llm/text/utf8.h"

namespace llm::corpus {
namespace {

[[noreturn]] void fail_utf8(const Record& record, const InputFile& file, size_t offset) {
  const std::string_view before = std::string_view(record.bytes).substr(0, offset);
  const uint64_t line = record.line + static_cast<uint64_t>(std::ranges::count(before, '\n'));
  const size_t newline = before.rfind('\n');
  const size_t in_line = newline == std::string_view::npos ? offset : offset - newline - 1;
  throw core::DataError(
      {.where = fmt::format("{}:{}", io::shown_path(file.path), line),
       .expected = "valid UTF-8",
       .got = fmt::format("byte 0x{:02X} at byte {} of the line",
                          static_cast<unsigned char>(record.bytes[offset]), in_line + 1),
       .hint = "Convert the file, or say --invalid-utf8 replace or skip"});
}

[[noreturn]] void fail_surrogate(const Record& record, const InputFile& file, size_t offset) {
  throw core::DataError({.where = fmt::format("{}:{}", io::shown_path(file.path), record.line),
                         .expected = "text that can be UTF-8",
                         .got = fmt::format("the lone surrogate {} at byte {} of the line",
                                            record.bytes.substr(offset, 6), offset + 1),
                         .hint = "Correct the file, or say --invalid-utf8 replace or skip"});
}

// Applies the policy to bytes that are no UTF-8, and in JSON to escapes that stand for no
// character. False: the record is left out.
bool make_valid(Record& record, const InputFile& file, InvalidUtf8 policy, bool& was_replaced) {
  const size_t invalid = text::find_invalid_utf8(record.bytes);
  const bool is_json = file.format == DocumentFormat::kJsonl;
  const size_t surrogate = is_json ? find_lone_surrogate(record.bytes) : std::string::npos;
  if (invalid == std::string::npos && surrogate == std::string::npos) return true;
  if (policy == InvalidUtf8::kSkip) return false;
  if (policy == InvalidUtf8::kError && invalid != std::string::npos) {
    fail_utf8(record, file, invalid);
  }
  if (policy == InvalidUtf8::kError) fail_surrogate(record, file, surrogate);
  if (invalid != std::string::npos) record.bytes = text::replace_invalid_utf8(record.bytes);
  if (is_json) replace_lone_surrogates(record.bytes);
  was_replaced = true;
  return true;
}

}  // namespace

RecordParser::RecordParser(std::vector<InputFile> files, ReadOptions options)
    : files_(std::move(files)), options_(std::move(options)) {}

ParsedRecord RecordParser::parse(Record record) const {
  const InputFile& file = files_[record.file];
  ParsedRecord parsed;
  parsed.document.file = record.file;
  parsed.document.line = record.line;
  if (!make_valid(record, file, options_.invalid_utf8, parsed.was_replaced)) {
    parsed.kind = RecordKind::kInvalidUtf8;
    return parsed;
  }
  std::string& text = parsed.document.text;
  switch (file.format) {
    case DocumentFormat::kJsonl:
      text = json_text_field(record.bytes, options_.text_field, io::shown_path(file.path),
                             record.line);
      break;
    case DocumentFormat::kHtml:
      text = html_to_text(record.bytes);
      break;
    default:
      text = std::move(record.bytes);
  }
  if (is_blank(text)) parsed.kind = RecordKind::kEmpty;
  return parsed;
}

void ReadCounts::add(const ParsedRecord& record) {
  skipped_empty += record.kind == RecordKind::kEmpty;
  skipped_invalid += record.kind == RecordKind::kInvalidUtf8;
  if (record.kind != RecordKind::kDocument) return;
  documents += 1;
  bytes += record.document.text.size();
  replaced_invalid += record.was_replaced;
}

void ReadCounts::add(const ReadCounts& other) {
  documents += other.documents;
  bytes += other.bytes;
  skipped_empty += other.skipped_empty;
  skipped_invalid += other.skipped_invalid;
  replaced_invalid += other.replaced_invalid;
}

}  // namespace llm::corpus
