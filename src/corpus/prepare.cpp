#include "llm/corpus/prepare.h"

#include <fmt/format.h>

#include <memory>

#include "corpus/dataset_json.h"
#include "corpus/ordered_pipeline.h"
#include "corpus/record_batch.h"
#include "corpus/split_writer.h"
#include "corpus/staged_directory.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/hash.h"
#include "llm/text/tokenizer.h"

namespace llm::corpus {
namespace {

namespace fs = std::filesystem;
using TokenizerPtr = std::shared_ptr<const text::Tokenizer>;

void require_set(const std::string& value, const char* flag, const char* what) {
  if (!value.empty()) return;
  throw core::ConfigError(
      {.where = flag,
       .expected = what,
       .got = "nothing",
       .hint = std::string("Give ") + flag + ", or the key in a --config file"});
}

// Only a dataset of ours is ever replaced, and only when asked.
void check_output(const fs::path& out, bool force) {
  if (!fs::exists(out)) return;
  const bool is_empty = fs::is_directory(out) && fs::is_empty(out);
  const bool is_dataset = fs::exists(out / kDatasetFileName);
  if (is_empty || (is_dataset && force)) return;
  throw core::ConfigError(
      {.where = "--out",
       .expected = "a directory that does not exist yet",
       .got = out.string() + (is_dataset ? ", which holds a dataset" : ", which is not a dataset"),
       .hint = is_dataset ? "Choose another one, or replace it with --force"
                          : "Choose another one; only datasets are replaced by --force"});
}

TokenizerPtr load_tokenizer(const PrepareConfig& config) {
  if (!fs::exists(config.tokenizer)) {
    throw core::ConfigError({.where = "--tokenizer",
                             .expected = "a tokenizer directory or file",
                             .got = config.tokenizer + ", which is not there",
                             .hint = "Train one with llmtok train"});
  }
  TokenizerPtr tokenizer = text::load_tokenizer(config.tokenizer);
  if (tokenizer->eos_id()) return tokenizer;
  throw core::ConfigError({.where = config.tokenizer,
                           .expected = "a tokenizer with an end-of-text token",
                           .got = "none",
                           .hint = "Documents end with it; name it as eos_token in "
                                   "tokenizer_config.json"});
}

uint32_t choose_bytes_per_id(const PrepareConfig& config, const text::Tokenizer& tokenizer) {
  constexpr int32_t kMaxU16 = 1 << 16;
  const bool fits = tokenizer.vocab_size() <= kMaxU16;
  if (config.dtype == TokenDtype::kU32 || (config.dtype == TokenDtype::kAuto && !fits)) return 4;
  if (fits) return 2;
  throw core::ConfigError(
      {.where = "--dtype",
       .expected = fmt::format("u32 or auto for a vocabulary of {}", tokenizer.vocab_size()),
       .got = "u16, which holds ids below 65536",
       .hint = "Leave --dtype at auto"});
}

struct TokenizedBatch {
  std::vector<TokenizedDocument> documents;
  std::vector<std::pair<size_t, ReadCounts>> counts;  // file and what a record of it was
  uint64_t unknown_bytes = 0;
  ReadProgress progress;
};

// What work on one batch needs; shared by all threads.
class BatchTokenizer {
 public:
  BatchTokenizer(const RecordParser& parser, const text::Tokenizer& tokenizer)
      : parser_(parser), tokenizer_(tokenizer), eos_id_(*tokenizer.eos_id()) {}

  TokenizedBatch operator()(RecordBatch batch) const {
    TokenizedBatch out;
    out.progress = batch.progress;
    for (Record& record : batch.records) {
      const ParsedRecord parsed = parser_.parse(std::move(record));
      ReadCounts counts;
      counts.add(parsed);
      out.counts.emplace_back(parsed.document.file, counts);
      if (parsed.kind != RecordKind::kDocument) continue;
      out.unknown_bytes += tokenizer_.count_unknown(parsed.document.text);
      out.documents.push_back(tokenize(parsed.document));
    }
    return out;
  }

 private:
  TokenizedDocument tokenize(const Document& document) const {
    TokenizedDocument out{.id = io::xxh3(document.text),
                          .ids = tokenizer_.encode(document.text),
                          .text_bytes = document.text.size(),
                          .file = document.file};
    out.ids.push_back(eos_id_);
    return out;
  }

  const RecordParser& parser_;
  const text::Tokenizer& tokenizer_;
  int32_t eos_id_;
};

// Takes the batches in order: shards, counts, progress.
class DatasetBuilder {
 public:
  DatasetBuilder(const PrepareConfig& config, const std::vector<InputFile>& files,
                 SplitWriter& writer, PreparedDataset& dataset)
      : files_(files), writer_(writer), dataset_(dataset) {
    for (const std::string& input : config.input) dataset.sources.push_back({input, 0, 0, {}});
    for (const InputFile& file : files) dataset.sources[file.input].files += 1;
  }

  void add(TokenizedBatch batch) {
    for (const auto& [file, counts] : batch.counts) {
      source_of(file).counts.add(counts);
      total_.add(counts);
    }
    for (TokenizedDocument& document : batch.documents) {
      source_of(document.file).tokens += document.ids.size();
      writer_.add(std::move(document));
    }
    dataset_.unknown_bytes += batch.unknown_bytes;
  }

  const ReadCounts& total() const { return total_; }

 private:
  DatasetSource& source_of(size_t file) { return dataset_.sources[files_[file].input]; }

  const std::vector<InputFile>& files_;
  SplitWriter& writer_;
  PreparedDataset& dataset_;
  ReadCounts total_;
};

// What decides the content; places are left out so that equal content gives equal files.
core::ConfigNode recorded_config(const PrepareConfig& config) {
  core::ConfigNode node = core::dump_config(config);
  std::erase_if(node.members, [](const auto& member) {
    return member.first == "input" || member.first == "tokenizer" || member.first == "out";
  });
  return node;
}

// The tokenizer travels with its data; it must come back the same.
void save_tokenizer(const text::Tokenizer& tokenizer, const fs::path& directory) {
  tokenizer.save(directory);
  const uint64_t fingerprint = text::load_tokenizer(directory)->fingerprint();
  LLM_CHECK(fingerprint == tokenizer.fingerprint(), "the saved tokenizer {} differs",
            directory.string());
}

PreparedDataset describe(const PrepareConfig& config, const text::Tokenizer& tokenizer,
                         const fs::path& directory) {
  PreparedDataset dataset;
  dataset.directory = directory;
  dataset.tokenizer = directory / "tokenizer";
  dataset.tokenizer_source = config.tokenizer;
  dataset.tokenizer_fingerprint = tokenizer.fingerprint();
  dataset.vocab_size = static_cast<uint64_t>(tokenizer.vocab_size());
  dataset.eos_id = *tokenizer.eos_id();
  dataset.bytes_per_id = choose_bytes_per_id(config, tokenizer);
  dataset.config = recorded_config(config);
  return dataset;
}

SplitWriter::Options writer_options(const PrepareConfig& config, const PreparedDataset& dataset) {
  return {.shard = {.bytes_per_id = dataset.bytes_per_id,
                    .tokenizer_fingerprint = dataset.tokenizer_fingerprint,
                    .vocab_size = dataset.vocab_size},
          .max_tokens_per_shard = static_cast<uint64_t>(config.max_tokens_per_shard),
          .validation_fraction = config.validation_fraction,
          .seed = static_cast<uint64_t>(config.split_seed)};
}

void write_shards(const PrepareConfig& config, const PrepareOptions& options,
                  const std::vector<InputFile>& files, const text::Tokenizer& tokenizer,
                  PreparedDataset& dataset) {
  SplitWriter writer(dataset.directory, writer_options(config, dataset));
  DatasetBuilder builder(config, files, writer, dataset);
  RecordReader reader(files, config.read);
  const RecordParser parser(files, config.read);
  const auto consume = [&](TokenizedBatch batch) {
    ReadProgress progress = batch.progress;
    builder.add(std::move(batch));
    progress.documents = builder.total().documents;
    if (options.progress) options.progress(progress);
  };
  OrderedPipeline<RecordBatch, TokenizedBatch> pipeline(
      {.produce = [&] { return next_batch(reader); },
       .cost = [](const RecordBatch& batch) { return batch.bytes; },
       .work = BatchTokenizer(parser, tokenizer),
       .consume = consume},
      kMaxBytesInFlight);
  pipeline.run(options.num_threads);
  require_documents(builder.total(), files);
  writer.finish(dataset.train, dataset.validation);
}

}  // namespace

const std::vector<std::pair<TokenDtype, std::string>>& config_enum_names(TokenDtype) {
  static const std::vector<std::pair<TokenDtype, std::string>> names = {
      {TokenDtype::kAuto, "auto"}, {TokenDtype::kU16, "u16"}, {TokenDtype::kU32, "u32"}};
  return names;
}

PreparedDataset prepare(const PrepareConfig& config, const PrepareOptions& options) {
  require_set(config.tokenizer, "--tokenizer", "a tokenizer directory or file");
  require_set(config.out, "--out", "a directory to write");
  check_output(config.out, options.force);
  const TokenizerPtr tokenizer = load_tokenizer(config);
  choose_bytes_per_id(config, *tokenizer);
  const std::vector<InputFile> files = find_input_files(config.input, config.read.format);

  StagedDirectory staging(config.out);
  PreparedDataset dataset = describe(config, *tokenizer, staging.path());
  write_shards(config, options, files, *tokenizer, dataset);
  save_tokenizer(*tokenizer, dataset.tokenizer);
  io::write_file_atomically(staging.path() / kDatasetFileName,
                            io::dump_json(dataset_to_json(dataset), 2) + "\n");
  staging.commit();
  return read_prepared_dataset(config.out);
}

}  // namespace llm::corpus
