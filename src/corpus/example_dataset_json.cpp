#include "corpus/example_dataset_json.h"

#include <algorithm>

#include "corpus/json_members.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"

namespace llm::corpus {
namespace {

using io::OrderedJson;

constexpr const char* kExamplesFormat = "llmtrain examples";
constexpr uint64_t kExamplesVersion = 1;

OrderedJson shard_to_json(const ExampleShard& shard) {
  OrderedJson formats = OrderedJson::array();
  for (const ExampleFormat format : shard.source.formats) formats.push_back(format_name(format));
  return {{"name", shard.source.name},
          {"file", shard.path.filename().string()},
          {"bytes", shard.file_bytes},
          {"documents", shard.documents},
          {"files", shard.source.files},
          {"formats", formats},
          {"unused_columns", shard.source.unused_columns},
          {"counts", to_json(shard.source.counts)}};
}

// The value of an enum that is written as `name`.
template <class E>
E parse_name(const std::string& name, const std::string& place) {
  const auto& names = config_enum_names(E{});
  const auto found = std::ranges::find(names, name, &std::pair<E, std::string>::second);
  if (found == names.end()) fail_member(place, "a name that is known", "\"" + name + "\"");
  return found->first;
}

ExampleCounts counts_from_json(const JsonMembers& json) {
  ExampleCounts counts;
  for (const auto& [name, member] : example_count_names()) counts.*member = json.number(name);
  return counts;
}

ExampleShard shard_from_json(const JsonMembers& json, const std::filesystem::path& directory) {
  ExampleShard shard;
  shard.path = directory / json.file_name("file");
  shard.file_bytes = json.number("bytes");
  shard.documents = json.number("documents");
  shard.source.name = json.text("name");
  shard.source.files = json.texts("files");
  for (const std::string& name : json.texts("formats"))
    shard.source.formats.push_back(parse_name<ExampleFormat>(name, json.place("formats")));
  shard.source.unused_columns = json.texts("unused_columns");
  shard.source.counts = counts_from_json(json.object("counts"));
  return shard;
}

}  // namespace

OrderedJson example_dataset_to_json(const ExampleDataset& dataset) {
  OrderedJson sources = OrderedJson::array();
  for (const ExampleShard& shard : dataset.shards) sources.push_back(shard_to_json(shard));
  return {{"format", kExamplesFormat},
          {"version", kExamplesVersion},
          {"task", config_enum_names(ExampleTask{})[static_cast<size_t>(dataset.task)].second},
          {"fingerprint", io::hex64(dataset.fingerprint)},
          {"tokenizer",
           {{"fingerprint", io::hex64(dataset.tokenizer_fingerprint)},
            {"vocab_size", dataset.vocab_size}}},
          {"template", dataset.template_name},
          {"bytes_per_id", dataset.bytes_per_id},
          {"config", io::to_json(dataset.config)},
          {"sources", sources}};
}

ExampleDataset example_dataset_from_json(const OrderedJson& json,
                                         const std::filesystem::path& directory) {
  const std::string path = (directory / kExamplesFileName).string();
  const JsonMembers root(json, path);
  root.require_version(kExamplesFormat, kExamplesVersion);
  ExampleDataset dataset;
  dataset.directory = directory;
  dataset.task = parse_name<ExampleTask>(root.text("task"), root.place("task"));
  dataset.fingerprint = io::parse_hex64(root.text("fingerprint"), root.place("fingerprint"));
  const JsonMembers tokenizer = root.object("tokenizer");
  dataset.tokenizer_fingerprint =
      io::parse_hex64(tokenizer.text("fingerprint"), tokenizer.place("fingerprint"));
  dataset.vocab_size = tokenizer.number("vocab_size");
  dataset.template_name = root.text("template");
  dataset.bytes_per_id = static_cast<uint32_t>(root.number("bytes_per_id"));
  dataset.config = io::to_config_node(root.at("config"), path);
  for (const JsonMembers& source : root.objects("sources"))
    dataset.shards.push_back(shard_from_json(source, directory));
  return dataset;
}

}  // namespace llm::corpus
