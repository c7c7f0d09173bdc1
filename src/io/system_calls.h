// The system calls that change files, each told to the fault hook first. They return 0 or an errno,
// so that callers say what it means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "llm/io/fault_hook.h"

namespace llm::io {

// What the hook says to it.
int injected_fault(FileOperation operation);

// A new file, open for writing in `fd`.
int create_file(const std::filesystem::path& path, int& fd);
// Writes until all is written; offset and bytes say how far it came.
int write_all_at(int fd, uint64_t& offset, std::span<const std::byte>& bytes,
                 const std::filesystem::path& path);
int resize_file(int fd, uint64_t size, const std::filesystem::path& path);
int sync_file(int fd, const std::filesystem::path& path);
int rename_entry(const std::filesystem::path& from, const std::filesystem::path& to);
int exchange_entries(const std::filesystem::path& from, const std::filesystem::path& to);
int remove_file(const std::filesystem::path& path);
int remove_directory(const std::filesystem::path& path);  // an empty one
int make_directory(const std::filesystem::path& path);
int flush_directory(const std::filesystem::path& path);

}  // namespace llm::io
