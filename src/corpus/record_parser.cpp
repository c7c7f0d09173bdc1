#include <fmt/format.h>

#include <algorithm>

#include "corpus/json_text_field.h"
#include "llm/core/error.h"
#include "llm/corpus/document_reader.h"
#include "llm/corpus/html_text.h"
#include "llm/text/utf8.h"

namespace llm::corpus {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

[[noreturn]] void fail_utf8(const Record& record, const InputFile& file, size_t offset) {
  const std::string_view before = std::string_view(record.bytes).substr(0, offset);
  const uint64_t line = record.line + static_cast<uint64_t>(std::ranges::count(before, '\n'));
  const size_t newline = before.rfind('\n');
  const size_t in_line = newline == std::string_view::npos ? offset : offset - newline - 1;
  throw core::DataError(
      {.where = fmt::format("{}:{}", file.path.string(), line),
       .expected = "valid UTF-8",
       .got = fmt::format("byte 0x{:02X} at byte {} of the line",
                          static_cast<unsigned char>(record.bytes[offset]), in_line + 1),
       .hint = "Convert the file, or set invalid_utf8 to replace or skip"});
}

}  // namespace

RecordParser::RecordParser(std::vector<InputFile> files, ReadOptions options)
    : files_(std::move(files)), options_(std::move(options)) {}

ParsedRecord RecordParser::parse(Record record) const {
  const InputFile& file = files_[record.file];
  ParsedRecord parsed;
  parsed.document.file = record.file;
  parsed.document.line = record.line;
  const size_t invalid = text::find_invalid_utf8(record.bytes);
  if (invalid != std::string::npos) {
    if (options_.invalid_utf8 == InvalidUtf8::kError) fail_utf8(record, file, invalid);
    if (options_.invalid_utf8 == InvalidUtf8::kSkip) {
      parsed.kind = RecordKind::kInvalidUtf8;
      return parsed;
    }
    record.bytes = text::replace_invalid_utf8(record.bytes);
    parsed.was_replaced = true;
  }
  std::string& text = parsed.document.text;
  switch (file.format) {
    case DocumentFormat::kJsonl:
      text = json_text_field(record.bytes, options_.text_field, file.path.string(), record.line);
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
