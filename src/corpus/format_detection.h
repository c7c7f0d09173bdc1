// The format of a file by its name and by its first bytes.
#pragma once

#include <filesystem>
#include <optional>

#include "llm/corpus/input_files.h"

namespace llm::corpus {

// By the ending, behind .gz or .zst; nothing when it is not a known one.
std::optional<DocumentFormat> format_by_name(const std::filesystem::path& path);

// By name, else by content. Reads nothing from what is no regular file (a pipe): that is text.
// Throws: DataError when the file is not text.
DocumentFormat detect_format(const std::filesystem::path& path);

}  // namespace llm::corpus
