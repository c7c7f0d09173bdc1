// Oracle: a typed exception or a config that survives being written (fuzz/arch_targets.h), for
// every input that a fuzzer kept because it reaches code of its own.
#include "support/fuzz_corpus.h"

#include "../fuzz/arch_targets.h"

namespace llm::arch {
namespace {

TEST(FuzzCorpus, ModelConfig) { test::replay_fuzz_corpus("model_config_fuzz", fuzz::model_config); }
TEST(FuzzCorpus, AdapterConfig) {
  test::replay_fuzz_corpus("adapter_config_fuzz", fuzz::adapter_config);
}

}  // namespace
}  // namespace llm::arch
