// Whole files, and what the operating system said when it refused one.
#pragma once

#include <filesystem>
#include <string>

#include "llm/core/error.h"

namespace llm::io {

inline constexpr const char* kStandardInput = "/dev/stdin";  // as the path of a file to read

// A file in messages: "standard input", else its path.
std::string shown_path(const std::filesystem::path& path);

// "path: expected EXPECTED, got an empty file. ..."
core::FormatError empty_file(const std::filesystem::path& path, const std::string& expected);

// The whole file as bytes. Throws: IoError.
std::string read_file(const std::filesystem::path& path);

// Throws IoError "path: cannot be opened: No such file or directory. Check the path".
// `problem` is what went wrong, such as "cannot be opened"; `error_number` is errno's value.
[[noreturn]] void throw_os_error(const std::filesystem::path& path, const std::string& problem,
                                 int error_number);

}  // namespace llm::io
