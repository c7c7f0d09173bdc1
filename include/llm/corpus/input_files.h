// Which files a list of inputs means, and in which format each is.
//
//   jsonl  one JSON object a line, the text in one of its fields   .jsonl .ndjson
//   text   plain text                                              .txt .text .md .rst
//   html   a page, read by html_text.h                             .html .htm .xhtml
// Each may be compressed (.gz, .zst), which is told by content. A file of another name is told by
// its first bytes.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace llm::corpus {

enum class DocumentFormat { kAuto, kJsonl, kText, kHtml };
const std::vector<std::pair<DocumentFormat, std::string>>& config_enum_names(DocumentFormat);

struct InputFile {
  std::filesystem::path path;
  DocumentFormat format = DocumentFormat::kText;  // never kAuto
  size_t input = 0;                               // index of the input that named it
};

// An input is a file, "-" (the standard input: text unless `format` says otherwise or it is a file
// whose content tells), a folder (all its files with a known ending, at any depth, hidden ones left
// out) or a pattern with * ? [] in its last parts. Files of one folder or pattern come in byte
// order of their paths; a file that several inputs name counts once, where it was named first.
// `format` other than kAuto is used for every file and narrows folders to its endings.
// `where` is what the person wrote the inputs in, for errors: an option or a key of a config.
// Throws: ConfigError when an input is not there; DataError when a folder or pattern holds no such
// file, or when a file of unknown format is not text.
std::vector<InputFile> find_input_files(const std::vector<std::string>& inputs,
                                        DocumentFormat format,
                                        const std::string& where = "--input");

}  // namespace llm::corpus
