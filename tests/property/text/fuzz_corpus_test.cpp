// Oracle: a typed exception, or a tokenizer or template that works (fuzz/*_targets.h), for every
// input that a fuzzer kept because it reaches code of its own.
#include "support/fuzz_corpus.h"

#include "../fuzz/jinja_targets.h"
#include "../fuzz/messages_target.h"
#include "../fuzz/text_targets.h"

namespace llm::text {
namespace {

TEST(FuzzCorpus, TokenizerJson) {
  test::replay_fuzz_corpus("tokenizer_json_fuzz", fuzz::tokenizer_json);
}
TEST(FuzzCorpus, SentencePiece) {
  test::replay_fuzz_corpus("sentencepiece_fuzz", fuzz::sentencepiece);
}
TEST(FuzzCorpus, Messages) { test::replay_fuzz_corpus("messages_fuzz", fuzz::messages); }
TEST(FuzzCorpus, Jinja) { test::replay_fuzz_corpus("jinja_fuzz", fuzz::jinja_template); }

}  // namespace
}  // namespace llm::text
