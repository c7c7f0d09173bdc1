// Oracle: ICU's UTF-8 decoder (U8_NEXT follows the best practice of Unicode 15, section 3.9).
#include "llm/text/utf8.h"

#include <gtest/gtest.h>
#include <unicode/utf8.h>

#include <random>

namespace llm::text {
namespace {

struct Expected {
  size_t first_invalid = std::string_view::npos;
  std::string replaced;
};

Expected by_icu(const std::string& bytes) {
  Expected out;
  const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
  for (int32_t i = 0; i < static_cast<int32_t>(bytes.size());) {
    const int32_t start = i;
    UChar32 c;
    U8_NEXT(p, i, static_cast<int32_t>(bytes.size()), c);
    if (c < 0 && out.first_invalid == std::string_view::npos) out.first_invalid = start;
    out.replaced += c < 0 ? "\ufffd" : bytes.substr(start, i - start);
  }
  return out;
}

TEST(Utf8, RandomBytesAreJudgedAsByIcu) {
  std::mt19937_64 rng(3);
  const std::string bytes =
      "aZ\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff";
  for (int i = 0; i < 200000; ++i) {
    std::string text(rng() % 24, '\0');
    for (char& c : text) c = rng() % 3 ? bytes[rng() % bytes.size()] : static_cast<char>(rng());
    const Expected expected = by_icu(text);
    ASSERT_EQ(find_invalid_utf8(text), expected.first_invalid);
    ASSERT_EQ(replace_invalid_utf8(text), expected.replaced);
  }
}

TEST(Utf8, EveryCodePointIsValidAndItsPrefixesAreIncomplete) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text = "x";
    append_utf8(text, c);
    ASSERT_EQ(find_invalid_utf8(text), std::string_view::npos);
    ASSERT_EQ(complete_utf8_prefix(text), text.size());
    for (size_t cut = 2; cut < text.size(); ++cut) {
      ASSERT_EQ(complete_utf8_prefix(std::string_view(text).substr(0, cut)), 1u);
      ASSERT_EQ(find_invalid_utf8(std::string_view(text).substr(0, cut)), 1u);
    }
  }
}

TEST(Utf8, BytesThatNothingCanCompleteAreNotHeldBack) {
  for (const char* text : {"\xff", "a\x80", "\xc0", "\xed\xa0", "\xf4\x90", "\xe0\x80"})
    EXPECT_EQ(complete_utf8_prefix(text), std::string_view(text).size());
}

TEST(Utf8, SurrogatesAreInvalid) { EXPECT_EQ(find_invalid_utf8("ab\xed\xa0\x80"), 2u); }

}  // namespace
}  // namespace llm::text
