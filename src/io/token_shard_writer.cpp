#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/little_endian.h"
#include "io/token_shard_layout.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/hash.h"
#include "llm/io/token_shard.h"

namespace llm::io {
namespace {

constexpr size_t kFlushSize = size_t{1} << 20;

void check_options(const std::filesystem::path& path, const TokenShardWriter::Options& options) {
  LLM_CHECK(options.bytes_per_id == 2 || options.bytes_per_id == 4);
  LLM_CHECK(options.vocab_size <= uint64_t{1} << 31);
  if (options.bytes_per_id == 2 && options.vocab_size > uint64_t{1} << 16) {
    throw core::ConfigError({.where = path.string(),
                             .expected = "a vocabulary of at most 65536 for 2-byte ids",
                             .got = std::to_string(options.vocab_size),
                             .hint = "Choose 4-byte ids (u32), or a smaller vocabulary"});
  }
}

}  // namespace

struct TokenShardWriter::State {
  State(const std::filesystem::path& path, const Options& options) : file(path) {
    info.bytes_per_id = options.bytes_per_id;
    info.tokenizer_fingerprint = options.tokenizer_fingerprint;
    info.vocab_size = options.vocab_size;
    info.has_loss_mask = options.has_loss_mask;
  }

  // Everything behind the header goes through here, so that the checksum sees it.
  void append(std::span<const std::byte> bytes) {
    hash.update(bytes);
    file.write(bytes);
  }

  template <class T>
  void append_array(const std::vector<T>& values) {
    append(std::as_bytes(std::span(values)));
  }

  void push_id(int32_t id) {
    const size_t end = pending.size();
    pending.resize(end + info.bytes_per_id);
    if (info.bytes_per_id == 2) {
      store_le(pending.data() + end, static_cast<uint16_t>(id));
    } else {
      store_le(pending.data() + end, id);
    }
    if (pending.size() >= kFlushSize) flush();
  }

  void flush() {
    append(pending);
    pending.clear();
  }

  void push_mask(const std::vector<bool>& trained) {
    mask.resize((info.num_tokens + trained.size() + 7) / 8);
    for (size_t i = 0; i < trained.size(); ++i) {
      const uint64_t token = info.num_tokens + i;
      if (trained[i]) mask[token / 8] |= static_cast<uint8_t>(1u << token % 8);
    }
  }

  std::array<std::byte, kShardHeaderSize> header() const {
    const TokenShardLayout layout(info);
    std::array<std::byte, kShardHeaderSize> bytes{};
    std::copy_n(reinterpret_cast<const std::byte*>(kShardMagic.data()), kShardMagic.size(),
                bytes.begin());
    store_le(&bytes[8], kShardVersion);
    store_le(&bytes[12], info.bytes_per_id);
    store_le(&bytes[16], info.num_tokens);
    store_le(&bytes[24], info.num_documents);
    store_le(&bytes[32], info.tokenizer_fingerprint);
    store_le(&bytes[40], info.vocab_size);
    store_le(&bytes[48], layout.index_offset);
    store_le(&bytes[56], info.has_loss_mask ? layout.mask_offset : 0);
    store_le(&bytes[64], info.checksum);
    return bytes;
  }

  AtomicFile file;
  Xxh3 hash;
  TokenShardInfo info;
  std::vector<std::byte> pending;
  std::vector<uint64_t> starts{0};
  std::vector<uint64_t> document_ids;
  std::vector<uint8_t> mask;
};

TokenShardWriter::TokenShardWriter(const std::filesystem::path& path, const Options& options) {
  check_options(path, options);
  state_ = std::make_unique<State>(path, options);
  state_->file.write(std::array<std::byte, kShardHeaderSize>{});  // filled in by commit()
}

TokenShardWriter::~TokenShardWriter() = default;

void TokenShardWriter::add_document(uint64_t document_id, std::span<const int32_t> ids,
                                    const std::vector<bool>& trained) {
  State& state = *state_;
  LLM_CHECK(!ids.empty(), "a document without tokens");
  LLM_CHECK(trained.size() == (state.info.has_loss_mask ? ids.size() : 0));
  for (const int32_t id : ids) {
    LLM_CHECK(id >= 0 && static_cast<uint64_t>(id) < state.info.vocab_size,
              "id {} of a vocabulary of {}", id, state.info.vocab_size);
    state.push_id(id);
  }
  if (state.info.has_loss_mask) state.push_mask(trained);
  state.info.num_tokens += ids.size();
  state.info.num_documents += 1;
  state.starts.push_back(state.info.num_tokens);
  state.document_ids.push_back(document_id);
}

uint64_t TokenShardWriter::num_tokens() const { return state_->info.num_tokens; }

TokenShardInfo TokenShardWriter::commit() {
  State& state = *state_;
  state.flush();
  const TokenShardLayout layout(state.info);
  state.append(std::vector<std::byte>(layout.index_offset - state.file.size()));
  state.append_array(state.starts);
  state.append_array(state.document_ids);
  state.append_array(state.mask);
  LLM_CHECK(state.file.size() == layout.file_size);
  state.info.checksum = state.hash.digest();
  state.file.write_at(0, state.header());
  state.file.commit();
  return state.info;
}

}  // namespace llm::io
