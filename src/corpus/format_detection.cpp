#include "corpus/format_detection.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "llm/core/error.h"
#include "llm/io/line_reader.h"

namespace llm::corpus {
namespace {

struct Ending {
  std::string_view text;
  DocumentFormat format;
};
constexpr auto kEndings = std::to_array<Ending>({{".jsonl", DocumentFormat::kJsonl},
                                                 {".ndjson", DocumentFormat::kJsonl},
                                                 {".txt", DocumentFormat::kText},
                                                 {".text", DocumentFormat::kText},
                                                 {".md", DocumentFormat::kText},
                                                 {".rst", DocumentFormat::kText},
                                                 {".html", DocumentFormat::kHtml},
                                                 {".htm", DocumentFormat::kHtml},
                                                 {".xhtml", DocumentFormat::kHtml}});

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string first_bytes(const std::filesystem::path& path) {
  constexpr size_t kLookAhead = 4096;
  std::string head(kLookAhead, '\0');
  io::ByteReader reader(path);
  size_t size = 0;
  while (size < kLookAhead) {
    const size_t count = reader.read(head.data() + size, kLookAhead - size);
    if (count == 0) break;
    size += count;
  }
  head.resize(size);
  return head;
}

}  // namespace

std::optional<DocumentFormat> format_by_name(const std::filesystem::path& path) {
  std::filesystem::path name = path.filename();
  const std::string last = lower(name.extension().string());
  if (last == ".gz" || last == ".zst") name = name.stem();
  const std::string ending = lower(name.extension().string());
  const auto found = std::ranges::find(kEndings, ending, &Ending::text);
  if (found == kEndings.end()) return std::nullopt;
  return found->format;
}

DocumentFormat detect_format(const std::filesystem::path& path) {
  if (const auto format = format_by_name(path)) return *format;
  if (!std::filesystem::is_regular_file(path)) return DocumentFormat::kText;
  const std::string head = first_bytes(path);
  if (head.find('\0') != std::string::npos) {
    throw core::DataError({.where = path.string(),
                           .expected = "text",
                           .got = "a binary file (it holds zero bytes)",
                           .hint = "Readable are JSON lines, plain text and HTML, also as .gz and "
                                   ".zst; --format overrides the guess"});
  }
  const size_t start = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  const std::string begin = start == std::string::npos ? "" : lower(head.substr(start, 64));
  if (begin.starts_with("{\"") || begin.starts_with("{ \"")) return DocumentFormat::kJsonl;
  const bool is_page = begin.starts_with("<!doctype html") || begin.starts_with("<html");
  return is_page ? DocumentFormat::kHtml : DocumentFormat::kText;
}

}  // namespace llm::corpus
