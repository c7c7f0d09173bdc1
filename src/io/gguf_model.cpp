#include "llm/io/gguf_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

struct SplitPlace {
  uint64_t number = 0;  // from 0
  uint64_t count = 1;
  uint64_t tensors = 0;  // of all shards together
};

SplitPlace split_place(const GgufFile& file) {
  if (file.find("split.count") == nullptr) return {.tensors = file.tensors().size()};
  return {.number = file.get("split.no").as_uint(),
          .count = file.get("split.count").as_uint(),
          .tensors = file.get("split.tensors.count").as_uint()};
}

// NAME of NAME-00002-of-00003.gguf.
std::optional<std::string> stem_of_shard(const fs::path& path, const SplitPlace& place) {
  const std::string name = path.filename().string();
  const std::string ending = fmt::format("-{:05}-of-{:05}.gguf", place.number + 1, place.count);
  if (!name.ends_with(ending)) return std::nullopt;
  return name.substr(0, name.size() - ending.size());
}

// The names of all shards, of which `path` is one. Throws when one is missing.
std::vector<fs::path> find_shards(const fs::path& path, const SplitPlace& place) {
  const auto stem = stem_of_shard(path, place);
  if (!stem || place.number >= place.count) {
    throw core::FormatError(
        {.where = path.string(),
         .expected = fmt::format("a name that ends with -{:05}-of-{:05}.gguf, as it is that part "
                                 "of a split model",
                                 place.number + 1, place.count),
         .got = path.filename().string(),
         .hint = "Give the parts the names they were published under"});
  }
  std::vector<fs::path> paths;
  std::vector<std::string> missing;
  for (uint64_t i = 0; i < place.count; ++i) {
    const std::string name = fmt::format("{}-{:05}-of-{:05}.gguf", *stem, i + 1, place.count);
    paths.push_back(path.parent_path() / name);
    if (!fs::exists(paths.back())) missing.push_back(name);
  }
  if (missing.empty()) return paths;
  const size_t shown = std::min<size_t>(missing.size(), 5);
  throw core::FormatError(
      {.where = path.string(),
       .expected = fmt::format("all {} parts of a split model in one folder", place.count),
       .got = fmt::format("{} missing: {}{}", missing.size(),
                          fmt::join(missing.begin(), missing.begin() + shown, ", "),
                          shown < missing.size() ? ", ..." : ""),
       .hint = "Fetch the missing parts into the same folder"});
}

void check_place(const GgufFile& file, const SplitPlace& expected) {
  const SplitPlace found = split_place(file);
  if (found.number == expected.number && found.count == expected.count &&
      found.tensors == expected.tensors) {
    return;
  }
  throw core::FormatError(
      {.where = file.path().string(),
       .expected = fmt::format("split.no {}, split.count {}, split.tensors.count {}, as its name "
                               "and the other parts say",
                               expected.number, expected.count, expected.tensors),
       .got = fmt::format("{}, {}, {}", found.number, found.count, found.tensors),
       .hint = "The parts are of different models; fetch them again"});
}

}  // namespace

GgufModel::GgufModel(const fs::path& path) {
  add_shard(path);
  SplitPlace place = split_place(shards_.front());
  if (place.count > 1) {
    const std::vector<fs::path> paths = find_shards(path, place);
    shards_.clear();
    for (place.number = 0; place.number < place.count; ++place.number) {
      add_shard(paths[place.number]);
      check_place(shards_.back(), place);
    }
  }
  for (size_t i = 0; i < shards_.size(); ++i) {
    for (GgufTensor tensor : shards_[i].tensors()) {
      tensor.shard = static_cast<uint16_t>(i);
      if (!index_.emplace(tensor.name, tensors_.size()).second) {
        throw core::FormatError({.where = shards_[i].path().string() + ": " + tensor.name,
                                 .expected = "every tensor in one part of the model",
                                 .got = "one that an earlier part has too"});
      }
      tensors_.push_back(std::move(tensor));
    }
  }
  if (tensors_.size() != place.tensors) {
    throw core::FormatError(
        {.where = path.string(),
         .expected = fmt::format("{} tensors, as split.tensors.count says", place.tensors),
         .got = fmt::format("{} in {} parts", tensors_.size(), shards_.size()),
         .hint = "The parts are of different models; fetch them again"});
  }
}

void GgufModel::add_shard(const fs::path& path) { shards_.emplace_back(path); }

const GgufTensor* GgufModel::find_tensor(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> GgufModel::bytes(const GgufTensor& tensor) const {
  LLM_CHECK(tensor.shard < shards_.size(), "shard {} of {}", tensor.shard, shards_.size());
  return shards_[tensor.shard].bytes(tensor);
}

}  // namespace llm::io
