// Oracle: bytes written from the format table by scripts/goldens/make_token_shard.py, and a naive
// model (vectors of documents) under random input.
#include "llm/io/token_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "llm/io/fault_hook.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path golden(const char* name) {
  return test::source_dir() / "tests/golden/io" / name;
}

struct Document {
  uint64_t id;
  std::vector<int32_t> ids;
  std::vector<bool> trained;
};

TokenShardInfo write_shard(const std::filesystem::path& path,
                           const TokenShardWriter::Options& options,
                           const std::vector<Document>& documents) {
  TokenShardWriter writer(path, options);
  for (const Document& d : documents) writer.add_document(d.id, d.ids, d.trained);
  return writer.commit();
}

std::vector<int32_t> all_ids(const TokenShard& shard) {
  std::vector<int32_t> ids(shard.info().num_tokens);
  shard.read(0, ids);
  return ids;
}

class TokenShardTest : public ::testing::Test {
 protected:
  std::filesystem::path with_bytes(const std::string& bytes) {
    return directory_.file("shard", bytes);
  }
  // The golden file with `value` put at `offset`.
  template <class T>
  std::string refusal(size_t offset, T value, bool verify = false) {
    std::string bytes = test::read_bytes(golden("u16_masked.tokens"));
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    const auto path = with_bytes(bytes);
    return test::error_text<core::FormatError>([&] {
      const TokenShard shard(path);
      if (verify) shard.verify();
    });
  }
  test::TempDirectory directory_;
};

TEST_F(TokenShardTest, WritesTheBytesOfTheTable) {
  const std::vector<Document> documents{
      {0x1122334455667788, {1, 2, 3}, {false, true, true}},
      {UINT64_MAX, {65535}, {true}},
      {5, {0, 40000, 7, 9, 10, 11, 12}, {false, false, true, false, true, true, true}}};
  const auto path = directory_ / "x.tokens";
  const TokenShardInfo info = write_shard(
      path,
      {.tokenizer_fingerprint = 0xABCDEF0123456789, .vocab_size = 65536, .has_loss_mask = true},
      documents);
  EXPECT_EQ(test::read_bytes(path), test::read_bytes(golden("u16_masked.tokens")));
  EXPECT_EQ(info.checksum, TokenShard(path).info().checksum);
}

TEST_F(TokenShardTest, ReadsTheBytesOfTheTable) {
  const TokenShard shard(golden("u32.tokens"));
  shard.verify();
  EXPECT_EQ(shard.info().tokenizer_fingerprint, 42u);
  EXPECT_EQ(shard.info().vocab_size, 151936u);
  EXPECT_EQ(shard.info().bytes_per_id, 4u);
  EXPECT_FALSE(shard.info().has_loss_mask);
  EXPECT_THAT(all_ids(shard), ElementsAre(1, 2, 3, 151935, 0, 40000, 7, 9, 10, 11, 12));
  EXPECT_EQ(shard.document_start(1), 3u);
  EXPECT_EQ(shard.document_start(3), 11u);
  EXPECT_EQ(shard.document_id(1), UINT64_MAX);
  EXPECT_EQ(shard.document_of(3), 1u);
  EXPECT_THROW(shard.is_trained(0), core::ContractViolation);
}

class TokenShardModel : public TokenShardTest,
                        public ::testing::WithParamInterface<std::tuple<uint32_t, bool>> {};

TEST_P(TokenShardModel, EqualsTheDocumentsItWasMadeOf) {
  const auto [bytes_per_id, has_mask] = GetParam();
  const uint64_t vocab_size = bytes_per_id == 2 ? 65536 : 200'000;
  core::PhiloxStream random(bytes_per_id, has_mask);
  std::vector<Document> documents(300);
  std::vector<int32_t> ids;
  std::vector<bool> trained;
  std::vector<uint64_t> owner;
  for (size_t d = 0; d < documents.size(); ++d) {
    documents[d].id = random.next_u64();
    // One long document crosses the writer's buffer.
    const size_t length = d == 7 ? 700'000 : 1 + random.next_below(40);
    for (size_t i = 0; i < length; ++i) {
      documents[d].ids.push_back(static_cast<int32_t>(random.next_below(vocab_size)));
      if (has_mask) documents[d].trained.push_back(random.next_below(2) == 1);
    }
    ids.insert(ids.end(), documents[d].ids.begin(), documents[d].ids.end());
    trained.insert(trained.end(), documents[d].trained.begin(), documents[d].trained.end());
    owner.insert(owner.end(), length, d);
  }
  const auto path = directory_ / "x";
  write_shard(path,
              {.bytes_per_id = bytes_per_id, .vocab_size = vocab_size, .has_loss_mask = has_mask},
              documents);
  const TokenShard shard(path);
  shard.verify();
  EXPECT_EQ(all_ids(shard), ids);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t token = random.next_below(ids.size());
    ASSERT_EQ(shard.document_of(token), owner[token]);
    if (has_mask) {
      ASSERT_EQ(shard.is_trained(token), trained[token]);
    }
    const uint64_t longest = std::min<uint64_t>(ids.size() - token, 5000);
    std::vector<int32_t> slice(random.next_below(longest + 1));
    shard.read(token, slice);
    ASSERT_TRUE(std::equal(slice.begin(), slice.end(), ids.begin() + static_cast<int64_t>(token)));
  }
  for (size_t d = 0; d < documents.size(); ++d) ASSERT_EQ(shard.document_id(d), documents[d].id);
}

INSTANTIATE_TEST_SUITE_P(Widths, TokenShardModel,
                         ::testing::Combine(::testing::Values(2u, 4u), ::testing::Bool()));

TEST_F(TokenShardTest, HoldsNothingWhenNothingWasAdded) {
  const auto info = write_shard(directory_ / "x", {.vocab_size = 10}, {});
  EXPECT_EQ(info.num_tokens, 0u);
  const TokenShard shard(directory_ / "x");
  shard.verify();
  EXPECT_EQ(shard.document_start(0), 0u);
}

TEST_F(TokenShardTest, RefusesBrokenHeaders) {
  EXPECT_THAT(refusal<char>(0, 'X'), HasSubstr("expected a token shard (magic \"LLMTOKS\")"));
  EXPECT_THAT(refusal<uint32_t>(8, 2), HasSubstr("token shard version 1, got version 2"));
  EXPECT_THAT(refusal<uint32_t>(12, 3), HasSubstr("2 or 4 bytes per id, got 3"));
  EXPECT_THAT(refusal<uint64_t>(40, 65537), HasSubstr("at most 65536 for 2-byte ids, got 65537"));
  EXPECT_THAT(refusal<uint64_t>(16, UINT64_MAX / 2), HasSubstr("counts that fit into 210 bytes"));
  EXPECT_THAT(refusal<uint64_t>(24, UINT64_MAX), HasSubstr("counts that fit"));
  EXPECT_THAT(refusal<uint64_t>(48, 160), HasSubstr("document index at byte 152, got byte 160"));
  EXPECT_THAT(refusal<uint64_t>(56, 8), HasSubstr("loss mask at byte 208, got byte 8"));
  EXPECT_THAT(refusal<uint64_t>(56, 0), HasSubstr("expected 208 bytes for 11 tokens"));
  EXPECT_THAT(refusal<char>(100, 1), HasSubstr("zeros in the reserved bytes"));
}

TEST_F(TokenShardTest, RefusesBrokenIndexes) {
  EXPECT_THAT(refusal<uint64_t>(152, 1), HasSubstr("document starts from 0 to 11, got 1 to 11"));
  EXPECT_THAT(refusal<uint64_t>(176, 12), HasSubstr("got 0 to 12"));
  EXPECT_THAT(refusal<uint64_t>(160, 4), HasSubstr("starts that rise, got 4 then 4 at document 1"));
}

TEST_F(TokenShardTest, VerifyFindsEveryFlippedByteOfTheBody) {
  const std::string bytes = test::read_bytes(golden("u16_masked.tokens"));
  for (size_t offset = 128; offset < bytes.size(); ++offset) {
    const auto flipped = static_cast<char>(bytes[offset] ^ 1);
    EXPECT_NE(refusal(offset, flipped, true), "no exception") << offset;
  }
}

TEST_F(TokenShardTest, VerifyFindsIdsBeyondTheVocabulary) {
  EXPECT_THAT(refusal<uint64_t>(40, 40000, true),
              HasSubstr("ids below 40000, got 65535 at token 3"));
}

TEST_F(TokenShardTest, RefusesEveryTruncation) {
  const std::string bytes = test::read_bytes(golden("u16_masked.tokens"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto path = with_bytes(bytes.substr(0, size));
    EXPECT_THROW(TokenShard{path}, core::FormatError) << size;
  }
  const auto longer = with_bytes(bytes + '\0');
  EXPECT_THROW(TokenShard{longer}, core::FormatError);
}

TEST_F(TokenShardTest, WriterRefusesWhatItCannotHold) {
  const auto text = test::error_text<core::ConfigError>(
      [&] { TokenShardWriter(directory_ / "x", {.bytes_per_id = 2, .vocab_size = 70000}); });
  EXPECT_THAT(text, HasSubstr("a vocabulary of at most 65536 for 2-byte ids, got 70000. Choose 4"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(TokenShardTest, WriterRefusesBrokenContracts) {
  TokenShardWriter writer(directory_ / "x", {.vocab_size = 10});
  const std::vector<int32_t> too_large{10}, negative{-1}, good{9};
  EXPECT_THROW(writer.add_document(1, too_large), core::ContractViolation);
  EXPECT_THROW(writer.add_document(1, negative), core::ContractViolation);
  EXPECT_THROW(writer.add_document(1, {}), core::ContractViolation);
  EXPECT_THROW(writer.add_document(1, good, {true}), core::ContractViolation);
}

TEST_F(TokenShardTest, DiskFullLeavesNoFile) {
  TokenShardWriter writer(directory_ / "x", {.vocab_size = 10});
  set_fault_hook(
      [](const FileOperation& op) { return op.action == FileAction::kWrite ? ENOSPC : 0; });
  EXPECT_THROW(writer.commit(), core::IoError);
  set_fault_hook({});
  EXPECT_FALSE(std::filesystem::exists(directory_ / "x"));
}

}  // namespace
}  // namespace llm::io
