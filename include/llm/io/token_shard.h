// Token shards: what `llmdata prepare` writes and training reads. Little endian:
//
//   offset size  field
//        0    8  magic "LLMTOKS\0"
//        8    4  u32 version = 1
//       12    4  u32 bytes per id: 2 (u16) or 4 (u32)
//       16    8  u64 num_tokens
//       24    8  u64 num_documents
//       32    8  u64 tokenizer fingerprint (text::Tokenizer::fingerprint)
//       40    8  u64 vocab_size of that tokenizer; every id is below it
//       48    8  u64 document index offset in bytes from the file's start
//       56    8  u64 loss-mask offset in bytes from the file's start, 0: every token is trained
//       64    8  u64 XXH3-64 of all bytes from 128 to the end
//       72   56  zero
//      128       ids
//      ...       document index, 8-aligned: u64 start[num_documents + 1], in tokens; start[0] = 0,
//      last = num_tokens
//      ...       u64 document_id[num_documents]: XXH3-64 of the document's text
//      ...       loss mask, 8-aligned: one bit per token, LSB first, 1 = trained
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "llm/io/atomic_file.h"
#include "llm/io/mapped_file.h"

namespace llm::io {

struct TokenShardInfo {
  uint32_t bytes_per_id = 2;
  uint64_t num_tokens = 0;
  uint64_t num_documents = 0;
  uint64_t tokenizer_fingerprint = 0;
  uint64_t vocab_size = 0;
  bool has_loss_mask = false;
  uint64_t checksum = 0;  // as the header states it: identifies the content
};

// Immutable, safe to read from many threads.
class TokenShard {
 public:
  // Checks header, sizes and index at once; the checksum only in verify().
  // Throws: IoError; FormatError for a wrong magic, version or size, or an index that does not
  // rise.
  explicit TokenShard(const std::filesystem::path& path);

  const TokenShardInfo& info() const { return info_; }
  const std::filesystem::path& path() const { return file_.path(); }
  // Copies ids[begin, begin + out.size()). Requires: the range lies inside the shard.
  void read(uint64_t begin, std::span<int32_t> out) const;
  // Requires: has_loss_mask.
  bool is_trained(uint64_t token) const;
  uint64_t document_start(uint64_t document) const;  // document == num_documents: num_tokens
  uint64_t document_id(uint64_t document) const;
  // The document that holds a token. O(log num_documents).
  uint64_t document_of(uint64_t token) const;
  // Reads everything once, without keeping it resident. Throws: FormatError when the checksum
  // differs or an id is not below vocab_size.
  void verify() const;

 private:
  // The first token of [begin, end) whose id is not below vocab_size; num_tokens: none.
  uint64_t find_bad_id(uint64_t begin, uint64_t end) const;

  MappedFile file_;
  TokenShardInfo info_;
  const std::byte* ids_ = nullptr;
  const std::byte* starts_ = nullptr;
  const std::byte* document_ids_ = nullptr;
  const std::byte* mask_ = nullptr;
};

// Streams ids to disk; keeps only the document index (16 bytes per document) and mask bits in
// memory.
class TokenShardWriter {
 public:
  struct Options {
    uint32_t bytes_per_id = 2;
    uint64_t tokenizer_fingerprint = 0;
    uint64_t vocab_size = 0;
    bool has_loss_mask = false;
  };
  // Throws: IoError; ConfigError when bytes_per_id is 2 and vocab_size > 65536.
  TokenShardWriter(const std::filesystem::path& path, const Options& options);
  ~TokenShardWriter();
  // `trained` has one entry per id when has_loss_mask, else it is empty. Requires: every id in [0,
  // vocab_size).
  void add_document(uint64_t document_id, std::span<const int32_t> ids,
                    const std::vector<bool>& trained = {});
  uint64_t num_tokens() const;
  TokenShardInfo commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::io
