// Oracle: the identity decode(encode(x)) == normalize(x), ICU's NFC, and decode of the whole
// sequence.
#include <gtest/gtest.h>

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <filesystem>
#include <random>

#include "llm/text/bpe_trainer.h"
#include "llm/text/tokenizer.h"
#include "llm/text/utf8.h"
#include "support/paths.h"

namespace llm::text {
namespace {

const std::filesystem::path kRoundTripTokenizers = test::source_dir() / "tests/golden/tokenizers";
constexpr int kTexts = 2000;

// Characters of every plane, with those that tokenizers stumble over coming often.
std::string random_text(std::mt19937_64& rng) {
  static const std::u32string kTricky =
      U" \n\t\r\v'sdmtlrvre019<|>_"
      U"\u00a0\u0085\u2028\u200d\ufe0f\u0301\u0308\u1112\u1161\u11ab\uac00\ud7a3"
      U"\u3000\u00bd\u2167\u0660\u180e\U0001f600\U0001f468\U0001f3fd\ufb01\uff21\u017f";
  std::string out;
  for (uint64_t length = rng() % 60; length > 0; --length) {
    char32_t c;
    switch (rng() % 4) {
      case 0:
        c = static_cast<char32_t>(1 + rng() % 0x7F);
        break;
      case 1:
        c = kTricky[rng() % kTricky.size()];
        break;
      case 2:
        c = static_cast<char32_t>(rng() % 0x10000);
        break;
      default:
        c = static_cast<char32_t>(rng() % 0x110000);
        break;
    }
    if (c >= 0xD800 && c < 0xE000) c = U'\uac01';
    for (uint64_t repeat = rng() % 8 == 0 ? rng() % 80 : 1; repeat > 0; --repeat)
      append_utf8(out, c);
  }
  return out;
}

std::string nfc(const std::string& text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* form = icu::Normalizer2::getNFCInstance(status);
  std::string out;
  form->normalize(icu::UnicodeString::fromUTF8(text), status).toUTF8String(out);
  EXPECT_TRUE(U_SUCCESS(status));
  return out;
}

class RoundTrip : public testing::TestWithParam<std::string> {};

TEST_P(RoundTrip, RandomTextComesBack) {
  const auto tokenizer = load_tokenizer(kRoundTripTokenizers / (GetParam() + ".json"));
  std::mt19937_64 rng(7);
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = random_text(rng);
    const std::string expected = GetParam() == "qwen2" ? nfc(text) : text;
    ASSERT_EQ(tokenizer->normalize(text), expected);
    ASSERT_EQ(tokenizer->decode_bytes(tokenizer->encode(text)), expected);
    ASSERT_EQ(tokenizer->count_unknown(text), 0u);
  }
}

TEST_P(RoundTrip, EveryHangulSyllableComesBack) {
  const auto tokenizer = load_tokenizer(kRoundTripTokenizers / (GetParam() + ".json"));
  std::string all, spaced;
  for (char32_t c = 0xAC00; c <= 0xD7A3; ++c) {
    append_utf8(all, c);
    append_utf8(spaced, c);
    spaced += ' ';
  }
  for (const std::string& text : {all, spaced})
    EXPECT_EQ(tokenizer->decode_bytes(tokenizer->encode(text)), text);
}

INSTANTIATE_TEST_SUITE_P(Patterns, RoundTrip, testing::Values("gpt2", "llama3", "qwen2", "smollm"));

TEST(NonNfc, FixturesAreNormalisedAsTheTokenizerSays) {
  const auto none = load_tokenizer(kRoundTripTokenizers / "gpt2.json");
  const auto nfc_tokenizer = load_tokenizer(kRoundTripTokenizers / "qwen2.json");
  const auto nfkc_tokenizer = load_tokenizer(kRoundTripTokenizers / "corners.json");
  struct Case {
    std::string text, nfc, nfkc;
  };
  const std::vector<Case> cases = {{"\u1112\u1161\u11ab", "한", "한"},
                                   {"e\u0301", "\u00e9", "\u00e9"},
                                   {"\uac00\u11a8", "각", "각"},
                                   {"\u212b", "\u00c5", "\u00c5"},
                                   {"q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307"},
                                   {"\ufb01 \uff21\u00b2", "\ufb01 \uff21\u00b2", "fi A2"},
                                   {"\uff76\uff9e", "\uff76\uff9e", "\u30ac"},
                                   {"\u0378\U0010ffff", "\u0378\U0010ffff", "\u0378\U0010ffff"}};
  for (const Case& c : cases) {
    EXPECT_EQ(none->decode(none->encode(c.text)), c.text);
    EXPECT_EQ(nfc_tokenizer->decode(nfc_tokenizer->encode(c.text)), c.nfc);
    EXPECT_EQ(nfkc_tokenizer->decode(nfkc_tokenizer->encode(c.text)), c.nfkc);
  }
}

TEST(Specials, TextThatLooksSpecialStaysText) {
  for (const char* name : {"gpt2", "llama3", "qwen2", "smollm", "corners"}) {
    const auto tokenizer = load_tokenizer(kRoundTripTokenizers / (std::string(name) + ".json"));
    for (const AddedToken& token : tokenizer->added_tokens()) {
      if (!token.special) continue;
      const std::string text = "a" + token.content + token.content + " b";
      const auto ids = tokenizer->encode(text);
      for (const int32_t id : ids) EXPECT_FALSE(tokenizer->is_special(id)) << name << token.content;
      EXPECT_EQ(tokenizer->decode(ids), text);
      const auto parsed = tokenizer->encode(text, {.parse_special = true});
      EXPECT_EQ(std::count(parsed.begin(), parsed.end(), token.id), 2);
    }
  }
}

class SentencePieceRoundTrip : public testing::TestWithParam<std::string> {};

TEST_P(SentencePieceRoundTrip, RandomTextComesBackNormalised) {
  const auto tokenizer = load_tokenizer(kRoundTripTokenizers / "sentencepiece" / GetParam());
  const bool is_lossless = GetParam() == "bpe_llama.model" || GetParam() == "hf_llama_legacy.json";
  std::mt19937_64 rng(19);
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = random_text(rng);
    if (tokenizer->count_unknown(text) > 0) continue;
    const std::string normal = tokenizer->normalize(text);
    if (is_lossless) {
      ASSERT_EQ(normal, text);
    }
    ASSERT_EQ(tokenizer->decode_bytes(tokenizer->encode(text)), normal);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SentencePieceRoundTrip,
                         testing::Values("bpe_llama.model", "bpe_bare.model", "bpe_rules.model",
                                         "unigram.model", "unigram_bytes.model",
                                         "hf_llama_legacy.json"));

class Streaming : public testing::TestWithParam<std::string> {};

TEST_P(Streaming, PushesJoinToTheWholeForRandomIds) {
  const auto tokenizer = load_tokenizer(kRoundTripTokenizers / GetParam());
  const int32_t last_lead = tokenizer->find("\u00ed").value_or(200);
  std::mt19937_64 rng(11);
  for (int i = 0; i < kTexts; ++i) {
    std::vector<int32_t> ids(rng() % 40);
    for (int32_t& id : ids) {
      do id = static_cast<int32_t>(rng() % tokenizer->vocab_size());
      while (tokenizer->piece(id).empty());
      if (rng() % 2) id = last_lead - static_cast<int32_t>(rng() % 32);  // lead bytes
    }
    const bool skip_special = rng() % 2;
    StreamingDecoder decoder(tokenizer, skip_special);
    std::string joined;
    for (const int32_t id : ids) {
      const std::string piece = decoder.push(id);
      ASSERT_EQ(find_invalid_utf8(piece), std::string::npos);
      joined += piece;
    }
    joined += decoder.finish();
    ASSERT_EQ(joined, tokenizer->decode(ids, skip_special));
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Streaming,
                         testing::Values("corners.json", "sentencepiece/bpe_llama.model",
                                         "sentencepiece/bpe_rules.model",
                                         "sentencepiece/hf_llama_first.json",
                                         "sentencepiece/hf_bpe_unfused.json",
                                         "sentencepiece/hf_unigram_bytes.json"));

TEST(StreamingBytes, HoldsBackUntilACharacterIsWhole) {
  const auto tokenizer = load_tokenizer(kRoundTripTokenizers / "gpt2.json");
  StreamingDecoder decoder(tokenizer);
  const auto byte = [&](const char* symbol) { return tokenizer->find(symbol).value(); };
  EXPECT_EQ(decoder.push(byte("\u00f0")), "");  // U+1F600 = F0 9F 98 80
  EXPECT_EQ(decoder.push(byte("\u0141")), "");
  EXPECT_EQ(decoder.push(byte("\u013a")), "");
  EXPECT_EQ(decoder.push(byte("\u0122")), "\U0001f600");
  EXPECT_EQ(decoder.push(byte("\u00f0")), "");
  EXPECT_EQ(decoder.push(byte("a")), "\ufffda");
  EXPECT_EQ(decoder.push(byte("\u00ea")), "");
  EXPECT_EQ(decoder.finish(), "\ufffd");
}

}  // namespace
}  // namespace llm::text
