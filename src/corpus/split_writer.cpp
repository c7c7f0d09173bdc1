#include "corpus/split_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "llm/io/hash.h"

namespace llm::corpus {

ShardSeries::ShardSeries(std::filesystem::path directory, std::string name,
                         const io::TokenShardWriter::Options& options, uint64_t max_tokens)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      options_(options),
      max_tokens_(max_tokens) {}

std::filesystem::path ShardSeries::shard_path() const {
  return directory_ / fmt::format("{}-{:05}.tokens", name_, split_.shards.size());
}

void ShardSeries::add(const TokenizedDocument& document) {
  const bool is_full = writer_ && writer_->num_tokens() + document.ids.size() > max_tokens_;
  if (is_full) finish_shard();
  if (!writer_) writer_ = std::make_unique<io::TokenShardWriter>(shard_path(), options_);
  writer_->add_document(document.id, document.ids);
  split_.text_bytes += document.text_bytes;
}

void ShardSeries::finish_shard() {
  const std::filesystem::path path = shard_path();
  const io::TokenShardInfo info = writer_->commit();
  writer_.reset();
  split_.shards.push_back(
      {path, std::filesystem::file_size(path), info.num_tokens, info.num_documents});
  split_.tokens += info.num_tokens;
  split_.documents += info.num_documents;
}

DatasetSplit ShardSeries::finish() {
  if (writer_) finish_shard();
  return std::move(split_);
}

SplitWriter::SplitWriter(const std::filesystem::path& directory, const Options& options)
    : options_(options),
      train_(directory, "train", options.shard, options.max_tokens_per_shard),
      validation_(directory, "validation", options.shard, options.max_tokens_per_shard),
      is_holding_(options.validation_fraction > 0) {}

uint64_t SplitWriter::split_hash(uint64_t document_id) const {
  return io::xxh3(std::as_bytes(std::span(&document_id, 1)), options_.seed);
}

bool SplitWriter::is_validation(uint64_t document_id) const {
  const auto hash = static_cast<double>(split_hash(document_id));
  const bool is_below = hash < std::ldexp(options_.validation_fraction, 64);
  return is_below != (moved_ == document_id);
}

void SplitWriter::add(TokenizedDocument document) {
  if (!is_holding_) return write(document);
  (is_validation(document.id) ? has_validation_ : has_train_) = true;
  held_tokens_ += document.ids.size();
  held_.push_back(std::move(document));
  const bool is_full = held_tokens_ > options_.max_held_tokens;
  if (is_full || (has_train_ && has_validation_)) settle();
}

// Writes the held documents. When all are on one side, the one next to the border changes over;
// a single document (or copies of it) is for training.
void SplitWriter::settle() {
  const auto by_hash = [&](const TokenizedDocument& document) { return split_hash(document.id); };
  const auto [least, most] = std::ranges::minmax_element(held_, {}, by_hash);
  const bool has_two = least != held_.end() && least->id != most->id;
  if (has_two && !has_validation_) moved_ = least->id;
  if (has_validation_ && !has_train_) moved_ = most->id;
  is_holding_ = false;
  for (const TokenizedDocument& document : held_) write(document);
  held_ = {};
}

void SplitWriter::write(const TokenizedDocument& document) {
  (is_validation(document.id) ? validation_ : train_).add(document);
}

void SplitWriter::finish(DatasetSplit& train, DatasetSplit& validation) {
  if (is_holding_) settle();
  train = train_.finish();
  validation = validation_.finish();
}

}  // namespace llm::corpus
