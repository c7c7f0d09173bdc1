// Oracle: a typed exception, or an example that an encoder can take (fuzz/example_target.h), for
// every line that a fuzzer kept because it reaches code of its own.
#include "support/fuzz_corpus.h"

#include "../fuzz/example_target.h"

namespace llm::corpus {
namespace {

TEST(FuzzCorpus, ExampleRows) { test::replay_fuzz_corpus("example_row_fuzz", fuzz::example_row); }

}  // namespace
}  // namespace llm::corpus
