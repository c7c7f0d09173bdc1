#include "llm/io/safetensors.h"

#include <fmt/format.h>

#include <set>

#include "io/little_endian.h"
#include "io/safetensors_header.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

constexpr uint64_t kMaxHeaderSize = 100'000'000;  // the format's own limit

// The header's JSON text.
std::string_view header_text(const MappedFile& file) {
  const auto bytes = file.bytes();
  const std::string where = file.path().string();
  if (bytes.empty()) throw empty_file(file.path(), "a safetensors file");
  if (bytes.size() < 8) {
    throw core::FormatError({.where = where,
                             .expected = "a safetensors file: an 8-byte header length first",
                             .got = fmt::format("{} bytes in all", bytes.size()),
                             .hint = "The file may have been cut short"});
  }
  const auto length = load_le<uint64_t>(bytes.data());
  if (length > kMaxHeaderSize || length > bytes.size() - 8) {
    throw core::FormatError(
        {.where = where,
         .expected = fmt::format("a header of at most {} bytes",
                                 std::min<uint64_t>(kMaxHeaderSize, bytes.size() - 8)),
         .got = fmt::format("{} bytes", length),
         .hint = "The file was cut short, or is no safetensors file"});
  }
  return {reinterpret_cast<const char*>(bytes.data()) + 8, length};
}

}  // namespace

std::string lay_out_safetensors(std::vector<TensorEntry>& entries,
                                std::map<std::string, std::string> metadata,
                                const std::string& where) {
  metadata.emplace("format", "pt");
  std::set<std::string> names{"__metadata__"};
  uint64_t end = 0;
  for (TensorEntry& entry : entries) {
    LLM_CHECK(names.insert(entry.name).second, "tensor name {} is taken", entry.name);
    entry.begin = end;
    end += tensor_byte_size(entry, where + ": " + entry.name);
    entry.end = end;
  }
  std::string header = write_safetensors_header(entries, metadata);
  LLM_CHECK(header.size() - 8 <= kMaxHeaderSize, "a header of {} bytes", header.size());
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const std::string_view text = header_text(file_);
  data_start_ = 8 + text.size();
  SafetensorsHeader header =
      parse_safetensors_header(text, file_.bytes().size() - data_start_, path.string());
  entries_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
  for (size_t i = 0; i < entries_.size(); ++i) index_[entries_[i].name] = i;
}

const TensorEntry* SafetensorsFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorEntry& entry) const {
  return file_.bytes().subspan(data_start_ + entry.begin, entry.end - entry.begin);
}

void SafetensorsFile::release(const TensorEntry& entry) const {
  file_.release(data_start_ + entry.begin, entry.end - entry.begin);
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorEntry> entries,
                                     std::map<std::string, std::string> metadata)
    : file_(path), entries_(std::move(entries)) {
  file_.write(lay_out_safetensors(entries_, std::move(metadata), path.string()));
}

void SafetensorsWriter::write_next(std::span<const std::byte> bytes) {
  LLM_CHECK(next_ < entries_.size(), "all {} tensors were written", entries_.size());
  const TensorEntry& entry = entries_[next_];
  LLM_CHECK(bytes.size() == entry.end - entry.begin, "{}: {} bytes for a tensor of {}", entry.name,
            bytes.size(), entry.end - entry.begin);
  file_.write(bytes);
  ++next_;
}

void SafetensorsWriter::commit() {
  LLM_CHECK(next_ == entries_.size(), "{} of {} tensors were written", next_, entries_.size());
  file_.commit();
}

}  // namespace llm::io
