// One safetensors file that several processes write together: one of them makes it whole, with its
// header, then each writes its own bytes of its tensors at their places. The file is the same
// whoever wrote which part.
//
// It has its final name from the start: it belongs in a directory that is put in place later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "llm/io/safetensors.h"

namespace llm::io {

class FileDescriptor;

// Makes the file, of its full length; what nobody writes reads as zeros. `entries` and `metadata`
// as SafetensorsWriter's. Its header and its name survive a power cut. Throws: IoError.
void create_safetensors(const std::filesystem::path& path, std::vector<TensorEntry> entries,
                        const std::map<std::string, std::string>& metadata = {});

// Not thread-safe; several may write other bytes of the same file.
class SafetensorsParts {
 public:
  // Throws: IoError; FormatError for a file that create_safetensors did not make.
  explicit SafetensorsParts(const std::filesystem::path& path);
  ~SafetensorsParts();
  SafetensorsParts(const SafetensorsParts&) = delete;
  SafetensorsParts& operator=(const SafetensorsParts&) = delete;

  bool has(const std::string& name) const;
  // Writes at byte `offset` of tensor `name`. Requires: it is there and long enough.
  // Throws: IoError.
  void write(const std::string& name, uint64_t offset, std::span<const std::byte> bytes);
  // What was written survives a power cut from here on. Throws: IoError.
  void sync();

 private:
  SafetensorsFile file_;
  std::unique_ptr<FileDescriptor> descriptor_;
};

}  // namespace llm::io
