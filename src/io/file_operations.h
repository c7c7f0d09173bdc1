// The operations that make files last, each with the fault that a test may want
// (io::set_fault_hook). They return 0 or an errno, so that callers say what it means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace llm::io {

int injected_fault(std::string_view operation, const std::filesystem::path& path);

// Writes until all is written; offset and bytes say how far it came.
int write_all_at(int fd, uint64_t& offset, std::span<const std::byte>& bytes,
                 const std::filesystem::path& path);
int sync_file(int fd, const std::filesystem::path& path);

}  // namespace llm::io
