#include "corpus/dataset_json.h"

#include <fmt/format.h>

#include "llm/core/error.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"

namespace llm::corpus {
namespace {

using io::OrderedJson;

constexpr const char* kFormat = "llmtrain dataset";
constexpr int kVersion = 1;

[[noreturn]] void fail(const std::string& where, const std::string& expected,
                       const std::string& got) {
  throw core::FormatError({.where = where,
                           .expected = expected,
                           .got = got,
                           .hint = "Prepare the dataset again with llmdata prepare"});
}

// One object of the file, with checked access to its members.
class Members {
 public:
  Members(const OrderedJson& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) fail(where_, "an object", json.type_name());
  }

  const OrderedJson& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(where_, fmt::format("a member \"{}\"", key), "none");
    return *found;
  }
  uint64_t number(const char* key) const {
    const OrderedJson& value = at(key);
    if (!value.is_number_unsigned()) fail(place(key), "a whole number >= 0", value.dump());
    return value.get<uint64_t>();
  }
  std::string text(const char* key) const {
    const OrderedJson& value = at(key);
    if (!value.is_string()) fail(place(key), "a string", value.dump());
    return value.get<std::string>();
  }
  Members object(const char* key) const { return {at(key), place(key)}; }
  std::vector<Members> objects(const char* key) const {
    const OrderedJson& value = at(key);
    if (!value.is_array()) fail(place(key), "a list", value.type_name());
    std::vector<Members> items;
    for (const OrderedJson& item : value) {
      items.emplace_back(item, fmt::format("{}[{}]", place(key), items.size()));
    }
    return items;
  }
  std::string place(const char* key) const { return where_ + ": " + key; }

 private:
  const OrderedJson& json_;
  std::string where_;
};

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

DatasetSplit split_from_json(const Members& json, const std::filesystem::path& directory) {
  DatasetSplit split;
  for (const Members& shard : json.objects("shards")) {
    const std::filesystem::path file = shard.text("file");
    if (file != file.filename()) fail(shard.place("file"), "a plain file name", file.string());
    split.shards.push_back({directory / file, shard.number("bytes"), shard.number("tokens"),
                            shard.number("documents")});
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

DatasetSource source_from_json(const Members& json) {
  return {.input = json.text("input"),
          .files = json.number("files"),
          .tokens = json.number("tokens"),
          .counts = {.documents = json.number("documents"),
                     .bytes = json.number("text_bytes"),
                     .skipped_empty = json.number("skipped_empty"),
                     .skipped_invalid = json.number("skipped_invalid"),
                     .replaced_invalid = json.number("replaced_invalid")}};
}

void check_version(const Members& json) {
  if (json.text("format") != kFormat) fail(json.place("format"), kFormat, json.text("format"));
  const uint64_t version = json.number("version");
  if (version != kVersion) {
    fail(json.place("version"), std::to_string(kVersion), std::to_string(version));
  }
}

void read_tokenizer(const Members& json, PreparedDataset& dataset) {
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
  const Members root(json, path);
  check_version(root);
  PreparedDataset dataset;
  dataset.directory = directory;
  read_tokenizer(root.object("tokenizer"), dataset);
  dataset.bytes_per_id = static_cast<uint32_t>(root.number("bytes_per_id"));
  const Members splits = root.object("splits");
  dataset.train = split_from_json(splits.object("train"), directory);
  dataset.validation = split_from_json(splits.object("validation"), directory);
  dataset.unknown_bytes = root.number("unknown_bytes");
  for (const Members& source : root.objects("sources")) {
    dataset.sources.push_back(source_from_json(source));
  }
  dataset.config = io::to_config_node(root.at("config"), path);
  return dataset;
}

}  // namespace llm::corpus
