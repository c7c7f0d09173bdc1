#include "llm/corpus/example_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "corpus/example_dataset_json.h"
#include "corpus/staged_directory.h"
#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/io/file.h"
#include "llm/io/hash.h"
#include "llm/io/token_shard.h"

namespace llm::corpus {
namespace {

namespace fs = std::filesystem;

constexpr int kEncodingVersion = 1;  // rises when equal settings begin to give other ids or masks

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// "sft/ko chat.jsonl.zst" -> "ko_chat".
std::string name_from_path(const fs::path& path) {
  std::string name = path.filename().string();
  for (const std::string_view ending : {".gz", ".zst", ".jsonl", ".ndjson", ".json"})
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  std::ranges::replace_if(
      name, [](char c) { return !is_name_character(c); }, '_');
  return name.empty() || name[0] == '.' ? "source" + name : name;
}

void check_name(const std::string& name, const std::string& where) {
  if (!name.empty() && name[0] != '.' && std::ranges::all_of(name, is_name_character)) return;
  throw core::ConfigError({.where = where,
                           .expected = "letters, digits, '.', '_' and '-', for it names a file",
                           .got = "\"" + name + "\"",
                           .hint = ""});
}

std::vector<InputFile> files_of(const ExampleSource& source, const std::string& where) {
  auto files = find_input_files(source.paths, DocumentFormat::kJsonl, where);
  for (const InputFile& file : files) {
    if (fs::is_regular_file(file.path)) continue;
    throw core::ConfigError({.where = where,
                             .expected = "files, for they are read twice",
                             .got = io::shown_path(file.path) + ", which is none",
                             .hint = "Write it to a file first"});
  }
  return files;
}

// Every source gets a name of its own, and its files.
std::vector<std::vector<InputFile>> settle_sources(std::vector<ExampleSource>& sources,
                                                   const std::string& where) {
  if (sources.empty())
    throw core::ConfigError(
        {.where = where, .expected = "at least one source", .got = "none", .hint = ""});
  std::vector<std::vector<InputFile>> files;
  std::set<std::string> names;
  for (size_t at = 0; at < sources.size(); ++at) {
    ExampleSource& source = sources[at];
    const std::string place = fmt::format("{}[{}]", where, at);
    files.push_back(files_of(source, place + ".paths"));
    const bool is_named = !source.name.empty();
    if (!is_named) source.name = name_from_path(files.back()[0].path);
    check_name(source.name, place + ".name");
    const std::string base = source.name;
    for (int i = 2; !is_named && names.contains(source.name); ++i)
      source.name = fmt::format("{}-{}", base, i);
    if (!names.insert(source.name).second)
      throw core::ConfigError({.where = place + ".name",
                               .expected = "a name of its own for every source",
                               .got = "\"" + source.name + "\" twice",
                               .hint = ""});
  }
  return files;
}

// Beside its fingerprint, what of a tokenizer decides templates and the ends of documents.
io::OrderedJson tokenizer_identity(const text::Tokenizer& tokenizer) {
  const text::TemplateTokens tokens = text::template_tokens(tokenizer);
  return {{"fingerprint", io::hex64(tokenizer.fingerprint())},
          {"variables", tokens.variables},
          {"stop", tokens.stop},
          {"special", tokens.special}};
}

uint64_t dataset_fingerprint(const std::vector<ExampleSource>& sources,
                             const std::vector<std::vector<InputFile>>& files,
                             const ExampleEncoder& encoder, ExampleTask task) {
  io::OrderedJson all = {{"version", kEncodingVersion},
                         {"task", static_cast<int>(task)},
                         {"config", io::to_json(core::dump_config(encoder.config()))},
                         {"tokenizer", tokenizer_identity(encoder.tokenizer())},
                         {"sources", io::OrderedJson::array()}};
  if (encoder.chat_template()) all["template"] = encoder.chat_template()->jinja();
  for (size_t i = 0; i < sources.size(); ++i) {
    ExampleSource settings = sources[i];
    settings.paths.clear();
    io::OrderedJson source = io::to_json(core::dump_config(settings));
    for (const InputFile& file : files[i])
      source["files"].push_back(io::hex64(io::xxh3_file(file.path)));
    all["sources"].push_back(std::move(source));
  }
  return io::xxh3(io::dump_json(all));
}

bool is_example_dataset(const fs::path& directory) {
  return fs::exists(directory / kExamplesFileName);
}

// A damaged one is made again, too.
std::optional<ExampleDataset> find_dataset(const fs::path& directory, uint64_t fingerprint) {
  if (!is_example_dataset(directory)) return std::nullopt;
  try {
    ExampleDataset found = read_example_dataset(directory);
    if (found.fingerprint == fingerprint) return found;
  } catch (const core::FormatError&) {
  }
  return std::nullopt;
}

void check_directory(const fs::path& directory) {
  if (!fs::exists(directory) || is_example_dataset(directory)) return;
  if (fs::is_directory(directory) && fs::is_empty(directory)) return;
  throw core::ConfigError({.where = directory.string(),
                           .expected = "a directory that does not exist yet, or prepared examples",
                           .got = "something else",
                           .hint = "Choose another place"});
}

ExampleDataset describe_examples(const ExampleEncoder& encoder, uint64_t fingerprint,
                                 const fs::path& directory) {
  constexpr int32_t kMaxU16 = 1 << 16;
  const text::Tokenizer& tokenizer = encoder.tokenizer();
  ExampleDataset dataset;
  dataset.directory = directory;
  dataset.fingerprint = fingerprint;
  dataset.tokenizer_fingerprint = tokenizer.fingerprint();
  dataset.vocab_size = static_cast<uint64_t>(tokenizer.vocab_size());
  dataset.template_name =
      encoder.chat_template() ? encoder.chat_template()->name() : std::string(kNoTemplate);
  dataset.bytes_per_id = tokenizer.vocab_size() <= kMaxU16 ? 2 : 4;
  dataset.config = core::dump_config(encoder.config());
  return dataset;
}

void require_kept(const ExampleSourceReport& report, const EncodeConfig& config) {
  const ExampleCounts& counts = report.counts;
  if (counts.kept > 0) return;
  throw core::DataError(
      {.where = "source " + report.name,
       .expected = "at least one example to train on",
       .got = fmt::format("none of {} rows ({} too long, {} empty, {} without a trained token)",
                          counts.rows, counts.dropped_too_long, counts.dropped_empty,
                          counts.dropped_untrained),
       .hint = counts.dropped_too_long > 0
                   ? fmt::format("Raise max_length, which is {}", config.max_length)
                   : "Look at the rows with llmdata show"});
}

ExampleShard write_shard(const ExampleSource& source, ExampleReader& reader,
                         const ExampleDataset& dataset, const EncodeConfig& config) {
  ExampleShard shard;
  shard.path = dataset.directory / (source.name + ".tokens");
  io::TokenShardWriter writer(shard.path, {.bytes_per_id = dataset.bytes_per_id,
                                           .tokenizer_fingerprint = dataset.tokenizer_fingerprint,
                                           .vocab_size = dataset.vocab_size,
                                           .has_loss_mask = true});
  shard.source = reader.read(source, [&](const EncodedExample& example) {
    for (const TrainingDocument& document : example.documents)
      writer.add_document(hash_ids(document.ids), document.ids, document.trained);
  });
  require_kept(shard.source, config);
  shard.documents = writer.commit().num_documents;
  shard.file_bytes = fs::file_size(shard.path);
  return shard;
}

}  // namespace

ExampleDataset prepare_examples(std::vector<ExampleSource> sources, const ExampleEncoder& encoder,
                                const fs::path& directory, const PrepareExamplesOptions& options) {
  const auto files = settle_sources(sources, options.where);
  check_directory(directory);
  const uint64_t fingerprint = dataset_fingerprint(sources, files, encoder, options.task);
  if (auto found = find_dataset(directory, fingerprint)) {
    found->was_reused = true;
    return *std::move(found);
  }
  StagedDirectory staging(directory);
  ExampleDataset dataset = describe_examples(encoder, fingerprint, staging.path());
  ExampleReader reader(encoder, {options.num_threads, options.task, options.progress});
  for (const ExampleSource& source : sources)
    dataset.shards.push_back(write_shard(source, reader, dataset, encoder.config()));
  dataset.task = reader.task();
  io::write_file_atomically(staging.path() / kExamplesFileName,
                            io::dump_json(example_dataset_to_json(dataset), 2) + "\n");
  staging.commit();
  return read_example_dataset(directory);
}

ExampleDataset read_example_dataset(const fs::path& directory) {
  const fs::path path = directory / kExamplesFileName;
  if (!fs::exists(path))
    throw core::ConfigError(
        {.where = directory.string(),
         .expected = "prepared examples",
         .got = fs::exists(directory) ? "a directory without examples.json" : "no such directory",
         .hint = ""});
  ExampleDataset dataset = example_dataset_from_json(io::read_ordered_json_file(path), directory);
  for (const ExampleShard& shard : dataset.shards) {
    std::error_code error;
    const uint64_t size = fs::file_size(shard.path, error);
    if (!error && size == shard.file_bytes) continue;
    throw core::FormatError({.where = shard.path.string(),
                             .expected = fmt::format("{} bytes", shard.file_bytes),
                             .got = error ? "no such file" : fmt::format("{} bytes", size),
                             .hint = "Make the dataset again"});
  }
  return dataset;
}

}  // namespace llm::corpus
