// Changes to folders. Each is one operation of the fault hook for each entry that it changes, and
// throws IoError with the path. Thread-safe for different paths.
#pragma once

#include <filesystem>

namespace llm::io {

// The folder that an entry lies in; "." for a name alone.
std::filesystem::path folder_of(const std::filesystem::path& path);

// Makes the folder and those above it that are missing. All of them survive a power cut.
void make_directories(const std::filesystem::path& directory);

// Survives a power cut once the folders of both names are flushed with sync_directory.
void rename_path(const std::filesystem::path& from, const std::filesystem::path& to);

// Puts `from` in the place of `to`. What was there, a file or a whole folder, is at `from`
// afterwards; at an error both are where they were.
void put_in_place(const std::filesystem::path& from, const std::filesystem::path& to);

// With everything in it; links are not followed. Nothing there is no error.
void remove_tree(const std::filesystem::path& path);
// As far as it goes, without a word: for places where an error is under way already.
void try_remove_tree(const std::filesystem::path& path) noexcept;

// fsync of a folder, so that what was made, renamed or removed in it survives a power cut.
void sync_directory(const std::filesystem::path& directory);

}  // namespace llm::io
