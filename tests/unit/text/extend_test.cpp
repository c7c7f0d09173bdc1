// Oracle: the tokenizer that is extended, the rules of added tokens, and a folder read back.
#include "llm/text/extend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Extend : public testing::TestWithParam<const char*> {
 protected:
  static std::shared_ptr<const Tokenizer> base() {
    return load_tokenizer(test::source_dir() / "tests/golden/tokenizers" / GetParam());
  }
};

TEST_P(Extend, OldTextsKeepTheirIdsAndNewTokensAreOne) {
  const auto old = base();
  const auto extended =
      extend_tokenizer(*old, {.special = {"<|call|>", "<|done|>"}, .plain = {"안녕하세요"}});
  const int32_t first = old->vocab_size();
  EXPECT_EQ(extended->vocab_size(), first + 3);
  EXPECT_TRUE(is_extension_of(*extended, *old));
  EXPECT_FALSE(is_extension_of(*old, *extended));
  EXPECT_NE(extended->fingerprint(), old->fingerprint());
  EXPECT_TRUE(extended->is_special(first));
  EXPECT_FALSE(extended->is_special(first + 2));

  const std::string text = "The quick brown fox, 나는 <|call|> 다리";
  EXPECT_EQ(extended->encode(text), old->encode(text)) << "a special token in a text is text";
  EXPECT_THAT(extended->encode("<|call|><|done|>", {.parse_special = true}),
              ElementsAre(first, first + 1));
  EXPECT_THAT(extended->encode("안녕하세요"), testing::Contains(first + 2));
  EXPECT_EQ(extended->decode(extended->encode("안녕하세요")), "안녕하세요");
}

TEST_P(Extend, AFolderReadsBackTheSame) {
  const auto extended = extend_tokenizer(
      *base(), {.special = {"<|call|>"}, .plain = {"zyzzyva"}, .chat_template = "{{ messages }}"});
  const test::TempDirectory folder;
  extended->save(folder.path());
  const auto read = load_tokenizer(folder.path());
  EXPECT_EQ(read->fingerprint(), extended->fingerprint());
  EXPECT_EQ(read->vocab_size(), extended->vocab_size());
  EXPECT_EQ(read->chat_template(), "{{ messages }}");
  const std::string text = "one zyzzyva <|call|> two";
  EXPECT_EQ(read->encode(text, {.parse_special = true}),
            extended->encode(text, {.parse_special = true}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Extend,
                         testing::Values("qwen2.json", "sentencepiece/bpe_llama.model"));

TEST(ExtendTokenizer, RefusesWhatIsThereInAnotherRole) {
  const auto base = load_tokenizer(test::source_dir() / "tests/golden/tokenizers/qwen2.json");
  const auto refusal = [&](const TokenExtension& extension) {
    return test::error_text<core::ConfigError>([&] { extend_tokenizer(*base, extension); });
  };
  EXPECT_THAT(refusal({.special = {""}}), HasSubstr("empty"));
  EXPECT_THAT(refusal({.special = {"<a>", "<a>"}}), HasSubstr("every token once"));
  EXPECT_THAT(refusal({.plain = {"<|im_start|>"}}), HasSubstr("a special token"));
  EXPECT_THAT(refusal({.special = {"e"}}), HasSubstr("piece"));
  EXPECT_EQ(extend_tokenizer(*base, {.special = {"<|im_start|>"}})->fingerprint(),
            base->fingerprint());
}

}  // namespace
}  // namespace llm::text
