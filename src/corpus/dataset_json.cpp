#include "corpus/dataset_json.h"

#include "corpus/json_members.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"

namespace llm::corpus {
namespace {

using io::OrderedJson;

constexpr const char* kFormat = "llmtrain dataset";
constexpr uint64_t kVersion = 1;

OrderedJson split_to_json(const DatasetSplit& split) {
  OrderedJson shards = OrderedJson::array();
  for (const DatasetShard& shard : split.shards) {
    shards.push_back({{"file", shard.path.filename().string()},
                      {"bytes", shard.file_bytes},
                      {"tokens", shard.tokens},
                      {"documents", shard.documents}});
  }
  return {{"tokens", split.tokens},
          {"documents", split.documents},
          {"text_bytes", split.text_bytes},
          {"shards", shards}};
}

DatasetSplit split_from_json(const JsonMembers& json, const std::filesystem::path& directory) {
  DatasetSplit split;
  for (const JsonMembers& shard : json.objects("shards")) {
    split.shards.push_back({directory / shard.file_name("file"), shard.number("bytes"),
                            shard.number("tokens"), shard.number("documents")});
  }
  split.tokens = json.number("tokens");
  split.documents = json.number("documents");
  split.text_bytes = json.number("text_bytes");
  return split;
}

OrderedJson source_to_json(const DatasetSource& source) {
  return {{"input", source.input},
          {"files", source.files},
          {"documents", source.counts.documents},
          {"text_bytes", source.counts.bytes},
          {"tokens", source.tokens},
          {"skipped_empty", source.counts.skipped_empty},
          {"skipped_invalid", source.counts.skipped_invalid},
          {"replaced_invalid", source.counts.replaced_invalid}};
}

DatasetSource source_from_json(const JsonMembers& json) {
  return {.input = json.text("input"),
          .files = json.number("files"),
          .tokens = json.number("tokens"),
          .counts = {.documents = json.number("documents"),
                     .bytes = json.number("text_bytes"),
                     .skipped_empty = json.number("skipped_empty"),
                     .skipped_invalid = json.number("skipped_invalid"),
                     .replaced_invalid = json.number("replaced_invalid")}};
}

void read_tokenizer(const JsonMembers& json, PreparedDataset& dataset) {
  dataset.tokenizer = dataset.directory / json.text("path");
  dataset.tokenizer_source = json.text("source");
  dataset.tokenizer_fingerprint =
      io::parse_hex64(json.text("fingerprint"), json.place("fingerprint"));
  dataset.vocab_size = json.number("vocab_size");
  dataset.eos_id = static_cast<int32_t>(json.number("eos_id"));
}

}  // namespace

OrderedJson dataset_to_json(const PreparedDataset& dataset) {
  OrderedJson sources = OrderedJson::array();
  for (const DatasetSource& source : dataset.sources) sources.push_back(source_to_json(source));
  return {{"format", kFormat},
          {"version", kVersion},
          {"tokenizer",
           {{"path", dataset.tokenizer.filename().string()},
            {"source", dataset.tokenizer_source},
            {"fingerprint", io::hex64(dataset.tokenizer_fingerprint)},
            {"vocab_size", dataset.vocab_size},
            {"eos_id", dataset.eos_id}}},
          {"bytes_per_id", dataset.bytes_per_id},
          {"splits",
           {{"train", split_to_json(dataset.train)},
            {"validation", split_to_json(dataset.validation)}}},
          {"unknown_bytes", dataset.unknown_bytes},
          {"sources", sources},
          {"config", io::to_json(dataset.config)}};
}

PreparedDataset dataset_from_json(const OrderedJson& json, const std::filesystem::path& directory) {
  const std::string path = (directory / kDatasetFileName).string();
  const JsonMembers root(json, path);
  root.require_version(kFormat, kVersion);
  PreparedDataset dataset;
  dataset.directory = directory;
  read_tokenizer(root.object("tokenizer"), dataset);
  dataset.bytes_per_id = static_cast<uint32_t>(root.number("bytes_per_id"));
  const JsonMembers splits = root.object("splits");
  dataset.train = split_from_json(splits.object("train"), directory);
  dataset.validation = split_from_json(splits.object("validation"), directory);
  dataset.unknown_bytes = root.number("unknown_bytes");
  for (const JsonMembers& source : root.objects("sources")) {
    dataset.sources.push_back(source_from_json(source));
  }
  dataset.config = io::to_config_node(root.at("config"), path);
  return dataset;
}

}  // namespace llm::corpus
