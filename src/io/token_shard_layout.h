// Where the parts of a token shard lie; the byte format is in llm/io/token_shard.h.
#pragma once

#include <array>
#include <cstdint>

#include "llm/core/arith.h"
#include "llm/io/token_shard.h"

namespace llm::io {

inline constexpr std::array<char, 8> kShardMagic{'L', 'L', 'M', 'T', 'O', 'K', 'S', '\0'};
inline constexpr uint32_t kShardVersion = 1;
inline constexpr uint64_t kShardHeaderSize = 128;
inline constexpr uint64_t kShardReservedOffset = 72;

struct TokenShardLayout {
  uint64_t index_offset = 0;
  uint64_t document_ids_offset = 0;
  uint64_t mask_offset = 0;  // where the mask would start
  uint64_t file_size = 0;

  // Requires: counts small enough for a file, at most 2^56.
  explicit TokenShardLayout(const TokenShardInfo& info) {
    const uint64_t ids_end = kShardHeaderSize + info.num_tokens * info.bytes_per_id;
    index_offset = core::round_up<uint64_t>(ids_end, 8);
    document_ids_offset = index_offset + 8 * (info.num_documents + 1);
    mask_offset = document_ids_offset + 8 * info.num_documents;
    file_size =
        mask_offset + (info.has_loss_mask ? core::div_ceil<uint64_t>(info.num_tokens, 8) : 0);
  }
};

}  // namespace llm::io
