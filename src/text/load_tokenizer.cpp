#include <cerrno>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/checkpoint_list.h"
#include "llm/io/file.h"
#include "llm/io/file_operations.h"
#include "llm/io/gguf_model.h"
#include "llm/io/line_reader.h"
#include "llm/text/gguf_tokenizer.h"
#include "text/gpt2_files.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunk = size_t{1} << 20;
constexpr size_t kMaxFileBytes = size_t{1} << 30;  // also stops a compressed bomb

std::string read_whole(const fs::path& path) {
  io::ByteReader reader(path);
  std::string out;
  size_t got = 0;
  do {
    const size_t before = out.size();
    out.resize(before + kChunk);
    got = reader.read(out.data() + before, kChunk);
    out.resize(before + got);
    if (out.size() > kMaxFileBytes)
      throw core::FormatError({path.string(), "at most 1 GiB of tokenizer", "more", ""});
  } while (got > 0);
  if (out.empty()) throw io::empty_file(path, "a tokenizer");
  return out;
}

TokenizerSpec read_gpt2(const fs::path& encoder, const fs::path& merges) {
  return parse_gpt2_files(read_whole(encoder), encoder.string(), read_whole(merges),
                          merges.string());
}

TokenizerSpec read_json(const fs::path& path) {
  return parse_tokenizer_json(read_whole(path), path.string());
}

TokenizerSpec read_sentencepiece(const fs::path& path) {
  return sentencepiece_spec(parse_sentencepiece(read_whole(path), path.string()), path.string());
}

TokenizerSpec read_llama2c(const fs::path& path) {
  return sentencepiece_spec(parse_llama2c(read_whole(path), path.string()), path.string());
}

TokenizerSpec read_directory(const fs::path& directory) {
  const fs::path model = directory / "tokenizer.model";
  if (fs::exists(model) && prefers_sentencepiece(directory)) return read_sentencepiece(model);
  for (const char* name : {"tokenizer.json", "tokenizer.json.zst", "tokenizer.json.gz"})
    if (fs::exists(directory / name)) return read_json(directory / name);
  for (const auto& [encoder, merges] :
       {std::pair("encoder.json", "vocab.bpe"), std::pair("vocab.json", "merges.txt")})
    if (fs::exists(directory / encoder) && fs::exists(directory / merges))
      return read_gpt2(directory / encoder, directory / merges);
  if (fs::exists(model)) return read_sentencepiece(model);
  throw core::IoError(
      {directory.string(), "tokenizer.json, tokenizer.model, or encoder.json with vocab.bpe",
       "none", "Name a model directory or a tokenizer.json"},
      ENOENT);
}

bool is_gpt2_file(const std::string& name) {
  return name == "encoder.json" || name == "vocab.bpe" || name == "vocab.json" ||
         name == "merges.txt";
}

TokenizerSpec read_file(const fs::path& path) {
  const std::string name = path.filename().string();
  const fs::path folder = path.parent_path();
  if (path.extension() == ".model") return read_sentencepiece(path);
  if (path.extension() == ".bin") return read_llama2c(path);
  if (!is_gpt2_file(name)) return read_json(path);
  const bool openai = name == "encoder.json" || name == "vocab.bpe";
  return openai ? read_gpt2(folder / "encoder.json", folder / "vocab.bpe")
                : read_gpt2(folder / "vocab.json", folder / "merges.txt");
}

// A run directory stands for its newest checkpoint, as it does where a model is wanted.
fs::path resolve_run(const fs::path& directory) {
  if (!io::is_run_directory(directory)) return directory;
  if (const auto newest = io::newest_checkpoint(directory)) return *newest;
  throw core::IoError(
      {.where = directory.string(),
       .expected = "a tokenizer or model directory, a checkpoint or a run directory",
       .got = "a run without a complete checkpoint",
       .hint = "Train until the first checkpoint is saved"},
      ENOENT);
}

// Nothing beside the file belongs to it: its roles are keys of its own.
std::shared_ptr<const Tokenizer> read_gguf(const fs::path& path) {
  const io::GgufModel model(path);
  const GgufVocabulary vocabulary = read_gguf_vocabulary(model.metadata());
  if (vocabulary.model.empty())
    throw core::FormatError({path.string() + ": tokenizer.ggml.model", "a tokenizer", "none", ""});
  return tokenizer_from_gguf(vocabulary, path.string());
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const fs::path& path) {
  if (path.extension() == ".gguf") return read_gguf(path);
  const bool is_directory = fs::is_directory(path);
  const fs::path directory = is_directory ? resolve_run(path) : path.parent_path();
  TokenizerSpec spec = is_directory ? read_directory(directory) : read_file(path);
  read_token_roles(directory, spec);
  return make_tokenizer(std::move(spec));
}

void PipelineTokenizer::save(const fs::path& directory) const {
  io::make_directories(directory);
  if (spec_.is_sentencepiece())
    io::write_file_atomically(directory / "tokenizer.model",
                              write_sentencepiece(sentencepiece_model_of(spec_)));
  io::write_file_atomically(directory / "tokenizer.json", write_tokenizer_json(spec_));
  io::write_file_atomically(directory / "tokenizer_config.json", write_tokenizer_config(spec_));
}

}  // namespace llm::text
