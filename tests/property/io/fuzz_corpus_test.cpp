// Oracle: a typed exception or a value that can be read whole (fuzz/*_target*.h), for every input
// that a fuzzer kept because it reaches code of its own.
#include "support/fuzz_corpus.h"

#include "../fuzz/gguf_target.h"
#include "../fuzz/io_targets.h"

namespace llm::io {
namespace {

TEST(FuzzCorpus, Gguf) { test::replay_fuzz_corpus("gguf_fuzz", fuzz::gguf); }
TEST(FuzzCorpus, Safetensors) { test::replay_fuzz_corpus("safetensors_fuzz", fuzz::safetensors); }
TEST(FuzzCorpus, TokenShard) { test::replay_fuzz_corpus("token_shard_fuzz", fuzz::token_shard); }
TEST(FuzzCorpus, ConfigJson) { test::replay_fuzz_corpus("config_json_fuzz", fuzz::config_json); }
TEST(FuzzCorpus, Manifest) { test::replay_fuzz_corpus("manifest_fuzz", fuzz::manifest); }
TEST(FuzzCorpus, Lines) { test::replay_fuzz_corpus("line_reader_fuzz", fuzz::lines); }

}  // namespace
}  // namespace llm::io
