// What each parser of io is held to under arbitrary bytes: a typed exception (core::Error) or a
// value whose every part can be read. Anything else escapes and counts as a find. Shared by the
// libFuzzer programs beside this file and by tests/property/io.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "llm/core/error.h"
#include "llm/io/config_json.h"
#include "llm/io/line_reader.h"
#include "llm/io/manifest.h"
#include "llm/io/safetensors.h"
#include "llm/io/token_shard.h"

namespace llm::fuzz {

// Bytes under a path, without a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("memfd_create failed");
    if (::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("a write to memory failed");
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

inline void expect(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

// A read that the compiler keeps: outside the file it would be a fault.
inline void touch(std::byte value) {
  volatile std::byte kept = value;
  (void)kept;
}

// True when the call succeeds, false when it refuses its input in the agreed way.
template <class Call>
bool accepts(Call&& call) {
  try {
    call();
    return true;
  } catch (const core::Error& error) {
    expect(!error.info().where.empty(), "an error without a place");
    return false;
  }
}

inline bool safetensors(std::string_view bytes) {
  const MemoryFile memory(bytes);
  return accepts([&] {
    const io::SafetensorsFile file(memory.path());
    uint64_t covered = 0;
    for (const io::TensorEntry& entry : file.entries()) {
      const auto data = file.bytes(entry);
      expect(file.find(entry.name) == &entry, "an entry that its name does not find");
      covered += data.size();
      if (!data.empty()) touch(data.back());
    }
    expect(covered < bytes.size(), "more data than bytes");
  });
}

inline bool token_shard(std::string_view bytes) {
  const MemoryFile memory(bytes);
  return accepts([&] {
    const io::TokenShard shard(memory.path());
    const io::TokenShardInfo& info = shard.info();
    std::vector<int32_t> ids(info.num_tokens);
    shard.read(0, ids);
    for (uint64_t token = 0; token < info.num_tokens; ++token) {
      const uint64_t document = shard.document_of(token);
      expect(shard.document_start(document) <= token && token < shard.document_start(document + 1),
             "a token outside its document");
      if (info.has_loss_mask) shard.is_trained(token);
    }
    for (uint64_t d = 0; d < info.num_documents; ++d) shard.document_id(d);
    shard.verify();
  });
}

inline bool config_json(std::string_view text) {
  return accepts([&] {
    const core::ConfigNode root = io::parse_config_json(text, "fuzz");
    const core::ConfigNode again = io::parse_config_json(core::json_text(root), "again");
    expect(core::json_text(again) == core::json_text(root), "a value that does not round-trip");
    io::to_json(root).dump();
  });
}

// A directory of one file beside the manifest.
class ManifestDirectory {
 public:
  explicit ManifestDirectory(std::string_view manifest) {
    std::string path = (std::filesystem::temp_directory_path() / "llm_fuzz_XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = path;
    write("model.safetensors", "weights");
    write(io::kManifestName, manifest);
  }
  ~ManifestDirectory() { std::filesystem::remove_all(path_); }
  ManifestDirectory(const ManifestDirectory&) = delete;
  ManifestDirectory& operator=(const ManifestDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void write(const char* name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }
  std::filesystem::path path_;
};

inline bool manifest(std::string_view bytes) {
  const ManifestDirectory directory(bytes);
  const bool readable = accepts([&] {
    for (const auto& [name, entry] : io::read_manifest(directory.path())) {
      const auto path = std::filesystem::path(name).lexically_normal();
      expect(!path.is_absolute() && *path.begin() != "..", "a file outside the directory");
    }
  });
  accepts([&] {
    const auto problems = io::verify_manifest(directory.path(), /*check_hashes=*/true);
    expect(readable || !problems.empty(), "an unreadable manifest that is in order");
  });
  return readable;
}

inline bool lines(std::string_view bytes) {
  constexpr size_t kEnough = size_t{16} << 20;  // a small file may stand for gigabytes
  const MemoryFile memory(bytes);
  return accepts([&] {
    io::LineReader reader(memory.path());
    size_t total = 0;
    while (const auto line = reader.next()) {
      expect(line->find('\n') == std::string::npos, "a line with a line break");
      total += line->size() + 1;
      if (total > kEnough) break;
    }
  });
}

}  // namespace llm::fuzz
