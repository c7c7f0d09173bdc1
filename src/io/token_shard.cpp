#include "llm/io/token_shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "io/little_endian.h"
#include "io/token_shard_layout.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/hash.h"

namespace llm::io {
namespace {

// A multiple of the size of an id and of a page, and small beside a processor's last cache.
constexpr size_t kVerifyStep = size_t{1} << 20;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& expected,
                       const std::string& got) {
  throw core::FormatError({.where = path.string(),
                           .expected = expected,
                           .got = got,
                           .hint = "Run llmdata prepare again to make the shard anew"});
}

template <class T>
T header_field(const MappedFile& file, uint64_t offset) {
  return load_le<T>(file.bytes().data() + offset);
}

void check_magic(const MappedFile& file) {
  const uint64_t size = file.bytes().size();
  if (size < kShardHeaderSize) {
    fail(file.path(), fmt::format("a token shard header of {} bytes", kShardHeaderSize),
         fmt::format("a file of {} bytes", size));
  }
  if (std::memcmp(file.bytes().data(), kShardMagic.data(), kShardMagic.size()) != 0) {
    fail(file.path(), "a token shard (magic \"LLMTOKS\")", "another kind of file");
  }
  const auto version = header_field<uint32_t>(file, 8);
  if (version != kShardVersion) {
    fail(file.path(), fmt::format("token shard version {}", kShardVersion),
         fmt::format("version {}", version));
  }
}

TokenShardInfo read_info(const MappedFile& file) {
  TokenShardInfo info;
  info.bytes_per_id = header_field<uint32_t>(file, 12);
  info.num_tokens = header_field<uint64_t>(file, 16);
  info.num_documents = header_field<uint64_t>(file, 24);
  info.tokenizer_fingerprint = header_field<uint64_t>(file, 32);
  info.vocab_size = header_field<uint64_t>(file, 40);
  info.has_loss_mask = header_field<uint64_t>(file, 56) != 0;
  info.checksum = header_field<uint64_t>(file, 64);
  return info;
}

void check_counts(const MappedFile& file, const TokenShardInfo& info) {
  const uint64_t size = file.bytes().size();
  if (info.bytes_per_id != 2 && info.bytes_per_id != 4) {
    fail(file.path(), "2 or 4 bytes per id", std::to_string(info.bytes_per_id));
  }
  const uint64_t largest_vocab = info.bytes_per_id == 2 ? uint64_t{1} << 16 : uint64_t{1} << 31;
  if (info.vocab_size > largest_vocab) {
    fail(
        file.path(),
        fmt::format("a vocabulary of at most {} for {}-byte ids", largest_vocab, info.bytes_per_id),
        std::to_string(info.vocab_size));
  }
  // Both bounds follow from the file's size and keep the layout's arithmetic from overflowing.
  if (info.num_tokens > size || info.num_documents > info.num_tokens) {
    fail(file.path(), fmt::format("counts that fit into {} bytes", size),
         fmt::format("{} tokens in {} documents", info.num_tokens, info.num_documents));
  }
}

void check_layout(const MappedFile& file, const TokenShardInfo& info) {
  const TokenShardLayout layout(info);
  const auto index_offset = header_field<uint64_t>(file, 48);
  if (index_offset != layout.index_offset) {
    fail(file.path(), fmt::format("the document index at byte {}", layout.index_offset),
         fmt::format("byte {}", index_offset));
  }
  const auto mask_offset = header_field<uint64_t>(file, 56);
  if (mask_offset != 0 && mask_offset != layout.mask_offset) {
    fail(file.path(), fmt::format("the loss mask at byte {}", layout.mask_offset),
         fmt::format("byte {}", mask_offset));
  }
  if (file.bytes().size() != layout.file_size) {
    fail(file.path(),
         fmt::format("{} bytes for {} tokens in {} documents", layout.file_size, info.num_tokens,
                     info.num_documents),
         fmt::format("{} bytes{}", file.bytes().size(),
                     file.bytes().size() < layout.file_size ? " (the file was cut)" : ""));
  }
  const auto reserved =
      file.bytes().subspan(kShardReservedOffset, kShardHeaderSize - kShardReservedOffset);
  if (std::any_of(reserved.begin(), reserved.end(), [](std::byte b) { return b != std::byte{}; })) {
    fail(file.path(), "zeros in the reserved bytes 72 to 127", "other values");
  }
}

}  // namespace

TokenShard::TokenShard(const std::filesystem::path& path) : file_(path) {
  check_magic(file_);
  info_ = read_info(file_);
  check_counts(file_, info_);
  check_layout(file_, info_);
  const TokenShardLayout layout(info_);
  const std::byte* base = file_.bytes().data();
  ids_ = base + kShardHeaderSize;
  starts_ = base + layout.index_offset;
  document_ids_ = base + layout.document_ids_offset;
  mask_ = info_.has_loss_mask ? base + layout.mask_offset : nullptr;
  if (document_start(0) != 0 || document_start(info_.num_documents) != info_.num_tokens) {
    fail(path, fmt::format("document starts from 0 to {}", info_.num_tokens),
         fmt::format("{} to {}", document_start(0), document_start(info_.num_documents)));
  }
  for (uint64_t i = 0; i < info_.num_documents; ++i) {
    if (document_start(i) < document_start(i + 1)) continue;
    fail(path, "document starts that rise",
         fmt::format("{} then {} at document {}", document_start(i), document_start(i + 1), i));
  }
}

void TokenShard::read(uint64_t begin, std::span<int32_t> out) const {
  LLM_CHECK(begin <= info_.num_tokens && out.size() <= info_.num_tokens - begin,
            "[{}, +{}) of {} tokens", begin, out.size(), info_.num_tokens);
  const std::byte* source = ids_ + begin * info_.bytes_per_id;
  if (info_.bytes_per_id == 4) {
    std::copy_n(source, out.size_bytes(), std::as_writable_bytes(out).data());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = load_le<uint16_t>(source + 2 * i);
}

bool TokenShard::is_trained(uint64_t token) const {
  LLM_CHECK(mask_ != nullptr && token < info_.num_tokens);
  return (std::to_integer<unsigned>(mask_[token / 8]) >> (token % 8) & 1) != 0;
}

uint64_t TokenShard::document_start(uint64_t document) const {
  LLM_CHECK(document <= info_.num_documents);
  return load_le<uint64_t>(starts_ + 8 * document);
}

uint64_t TokenShard::document_id(uint64_t document) const {
  LLM_CHECK(document < info_.num_documents);
  return load_le<uint64_t>(document_ids_ + 8 * document);
}

uint64_t TokenShard::document_of(uint64_t token) const {
  LLM_CHECK(token < info_.num_tokens);
  uint64_t low = 0, high = info_.num_documents;  // start(low) <= token < start(high)
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    (document_start(middle) <= token ? low : high) = middle;
  }
  return low;
}

uint64_t TokenShard::find_bad_id(uint64_t begin, uint64_t end) const {
  std::vector<int32_t> ids(end - begin);
  read(begin, ids);
  uint32_t largest = 0;  // a reduction without an exit runs at the speed of memory
  for (const int32_t id : ids) largest = std::max(largest, static_cast<uint32_t>(id));
  if (ids.empty() || largest < info_.vocab_size) return info_.num_tokens;
  const auto bad = std::find_if(ids.begin(), ids.end(), [&](int32_t id) {
    return static_cast<uint32_t>(id) >= info_.vocab_size;
  });
  return begin + static_cast<uint64_t>(bad - ids.begin());
}

void TokenShard::verify() const {
  const auto body = file_.bytes().subspan(kShardHeaderSize);
  Xxh3 hash;
  uint64_t bad_token = info_.num_tokens;
  for (size_t begin = 0; begin < body.size(); begin += kVerifyStep) {
    const size_t end = std::min(body.size(), begin + kVerifyStep);
    hash.update(body.subspan(begin, end - begin));
    const uint64_t first = std::min<uint64_t>(begin / info_.bytes_per_id, info_.num_tokens);
    const uint64_t last = std::min<uint64_t>(end / info_.bytes_per_id, info_.num_tokens);
    if (bad_token == info_.num_tokens) bad_token = find_bad_id(first, last);
    file_.release(kShardHeaderSize + begin, end - begin);
  }
  if (hash.digest() != info_.checksum) {
    fail(path(), "checksum " + hex64(info_.checksum), hex64(hash.digest()));
  }
  if (bad_token == info_.num_tokens) return;
  std::vector<int32_t> id(1);
  read(bad_token, id);
  fail(path(), fmt::format("ids below {}", info_.vocab_size),
       fmt::format("{} at token {}", static_cast<uint32_t>(id[0]), bad_token));
}

}  // namespace llm::io
