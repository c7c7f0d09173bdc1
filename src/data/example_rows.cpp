#include "llm/data/example_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "data/example_plan.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "llm/io/hash.h"

namespace llm::data {

namespace {

constexpr size_t kPlansKept = 2;  // the one being read, and the one read ahead

// How many of the shortest samples share a row at most.
int64_t most_samples_per_row(std::vector<int64_t> lengths, const ExampleRowsOptions& options) {
  if (options.packing == Packing::kOff) return 1;
  std::ranges::sort(lengths);
  int64_t count = 0, tokens = 0;
  for (const int64_t length : lengths) {
    tokens += length;
    if (tokens > options.capacity) break;
    ++count;
  }
  // A torn document stands at each end of a wrapped row.
  return options.packing == Packing::kWrapped ? count + 2 : std::max<int64_t>(count, 1);
}

}  // namespace

ExampleRows::ExampleRows(ExampleRowsOptions options) : options_(std::move(options)) {
  LLM_CHECK(options_.capacity > 0 && options_.window > 0);
  LLM_CHECK(!options_.is_preference || options_.packing != Packing::kWrapped,
            "a pair cannot be torn apart");
  for (size_t i = 0; i < options_.shards.size(); ++i) {
    open_shard(options_.shards[i], static_cast<int32_t>(i));
  }
  if (samples_.empty()) {
    throw core::DataError({options_.shards.empty() ? "examples" : options_.shards.front().string(),
                           "at least one example", "none", "Add rows to the data"});
  }
  std::vector<int64_t> lengths;
  for (const Sample& sample : samples_) lengths.push_back(sample.length);
  num_tokens_ = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  longest_sample_ = *std::ranges::max_element(lengths);
  LLM_CHECK(options_.packing != Packing::kBestFit || longest_sample_ <= options_.capacity,
            "a sample of {} tokens, rows of {}", longest_sample_, options_.capacity);
  max_documents_per_row_ = most_samples_per_row(std::move(lengths), options_) * num_documents();
  if (options_.replay.fraction > 0) {
    max_documents_per_row_ =
        std::max(max_documents_per_row_, options_.replay.dataset->max_documents_per_row());
  }
}

ExampleRows::~ExampleRows() = default;

void ExampleRows::open_shard(const std::filesystem::path& path, int32_t source) {
  io::TokenShard shard(path);
  const auto& info = shard.info();
  if (info.tokenizer_fingerprint != options_.tokenizer_fingerprint) {
    throw core::DataError(
        {path.string(),
         "ids of the run's tokenizer, fingerprint " + io::hex64(options_.tokenizer_fingerprint),
         "ids of another, fingerprint " + io::hex64(info.tokenizer_fingerprint),
         "Delete the folder; it is made again from the data"});
  }
  const auto documents = static_cast<int64_t>(info.num_documents);
  if (!info.has_loss_mask || documents % num_documents() != 0) {
    throw core::DataError({path.string(), "examples with loss masks, pairs for preference data",
                           "a shard of another kind", "Prepare the data for this command"});
  }
  shard.verify();
  fingerprint_ = core::mix_seed(fingerprint_, info.checksum);
  for (int64_t document = 0; document < documents; document += num_documents()) {
    const auto begin = shard.document_start(static_cast<uint64_t>(document));
    const auto end = shard.document_start(static_cast<uint64_t>(document + num_documents()));
    if (begin == end) continue;
    const int64_t prefix = shared_prefix(shard, document);
    samples_.push_back({source, document, prefix, static_cast<int64_t>(end - begin) - prefix});
  }
  shards_.push_back(std::move(shard));
}

// Tokens before the answers of a pair, when both have the same.
int64_t ExampleRows::shared_prefix(const io::TokenShard& shard, int64_t document) const {
  if (!options_.is_preference || !options_.shares_prompts) return 0;
  const auto chosen = static_cast<uint64_t>(document);
  const auto prompt_of = [&](uint64_t index) {
    const uint64_t start = shard.document_start(index), end = shard.document_start(index + 1);
    uint64_t token = start;
    while (token < end && !shard.is_trained(token)) ++token;
    std::vector<int32_t> ids(token < end ? token - start : 0);
    shard.read(start, ids);
    return ids;
  };
  const std::vector<int32_t> prompt = prompt_of(chosen);
  return prompt == prompt_of(chosen + 1) ? std::ssize(prompt) : 0;
}

std::shared_ptr<const ExamplePlan> ExampleRows::plan(int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [kept_epoch, kept] : plans_) {
    if (kept_epoch == epoch) return kept;
  }
  ExamplePlanInput input{.options = options_, .lengths = {}, .epoch = epoch};
  for (const Sample& sample : samples_) input.lengths.push_back(sample.length);
  auto made = std::make_shared<const ExamplePlan>(make_example_plan(input));
  if (plans_.size() == kPlansKept) plans_.erase(plans_.begin());
  plans_.emplace_back(epoch, made);
  return made;
}

int64_t ExampleRows::rows_in_epoch(int64_t epoch) const { return plan(epoch)->num_rows(); }
int64_t ExampleRows::tokens_in_epoch(int64_t epoch) const { return plan(epoch)->num_tokens; }

RowPlace ExampleRows::place_at(int64_t global_index) const {
  const std::lock_guard lock(places_mutex_);
  while (first_row_.back() <= global_index) {
    const auto epoch = static_cast<int64_t>(first_row_.size()) - 1;
    first_row_.push_back(first_row_.back() + rows_in_epoch(epoch));
  }
  const auto next = std::ranges::upper_bound(first_row_, global_index);
  return {next - first_row_.begin() - 1, global_index - *(next - 1)};
}

Row ExampleRows::row(const RowPlace& place) const {
  const auto plan = this->plan(place.epoch);
  LLM_CHECK(place.index >= 0 && place.index < plan->num_rows());
  const int64_t entry = plan->entries[static_cast<size_t>(place.index)];
  if (ExamplePlan::is_replay(entry))
    return replay_row(place.epoch, ExamplePlan::replay_index(entry));
  if (options_.packing == Packing::kWrapped) return wrapped_row(*plan, entry);
  Row row;
  for (int64_t i = plan->row_begin[static_cast<size_t>(entry)];
       i < plan->row_begin[static_cast<size_t>(entry) + 1]; ++i) {
    append_sample(plan->order[static_cast<size_t>(i)], row);
  }
  return row;
}

// Tokens [index * capacity, (index + 1) * capacity) of the samples laid end to end.
Row ExampleRows::wrapped_row(const ExamplePlan& plan, int64_t index) const {
  const int64_t begin = index * options_.capacity;
  const int64_t end = std::min(begin + options_.capacity, plan.token_begin.back());
  auto at = std::ranges::upper_bound(plan.token_begin, begin) - plan.token_begin.begin() - 1;
  Row row;
  for (int64_t token = begin; token < end; ++at) {
    const int64_t start = plan.token_begin[static_cast<size_t>(at)];
    const int64_t stop = std::min(plan.token_begin[static_cast<size_t>(at) + 1], end);
    append_document({plan.order[static_cast<size_t>(at)], 0}, {token - start, stop - start}, row);
    token = stop;
  }
  return row;
}

Row ExampleRows::replay_row(int64_t epoch, int64_t index) const {
  const TokenDataset& dataset = *options_.replay.dataset;
  const auto num_rows = static_cast<uint64_t>(dataset.num_rows());
  const core::Permutation order(num_rows,
                                core::mix_seed(options_.seed + 1, static_cast<uint64_t>(epoch)));
  Row row = dataset.row(static_cast<int64_t>(order(static_cast<uint64_t>(index) % num_rows)));
  row.sources.assign(row.document_ids.size(), static_cast<int32_t>(shards_.size()));
  return row;
}

void ExampleRows::append_sample(int64_t sample, Row& row) const {
  const Sample& s = samples_[static_cast<size_t>(sample)];
  const io::TokenShard& shard = shards_[static_cast<size_t>(s.source)];
  for (int64_t i = 0; i < num_documents(); ++i) {
    const auto document = static_cast<uint64_t>(s.document + i);
    const auto length =
        static_cast<int64_t>(shard.document_start(document + 1) - shard.document_start(document));
    append_document({sample, i}, {i == 0 ? 0 : s.prefix, length}, row);
  }
}

// Tokens [begin, end) of the `which.index`-th document of a sample.
void ExampleRows::append_document(const DocumentOf& which, const TokenRange& range,
                                  Row& row) const {
  const Sample& s = samples_[static_cast<size_t>(which.sample)];
  const io::TokenShard& shard = shards_[static_cast<size_t>(s.source)];
  const auto document = static_cast<uint64_t>(s.document + which.index);
  const uint64_t start = shard.document_start(document);
  const uint64_t end = shard.document_start(document + 1);
  const auto length = range.end - range.begin;
  const uint64_t first = start + static_cast<uint64_t>(range.begin);
  const bool has_next = first + static_cast<uint64_t>(length) < end;
  std::vector<int32_t> ids(static_cast<size_t>(length) + (has_next ? 1 : 0));
  shard.read(first, ids);
  const bool trains_all = options_.is_preference && options_.trains_prompts && which.index == 0;
  for (int64_t t = 0; t < length; ++t) {
    const auto next = static_cast<size_t>(t) + 1;
    const bool is_answer =
        next < ids.size() && shard.is_trained(first + static_cast<uint64_t>(next));
    const bool has_target = is_answer || (trains_all && next < ids.size());
    row.ids.push_back(ids[static_cast<size_t>(t)]);
    row.targets.push_back(has_target ? ids[next] : kIgnoreTarget);
    if (options_.is_preference) row.answers.push_back(is_answer ? 1 : 0);
  }
  row.document_lengths.push_back(static_cast<int32_t>(length));
  row.document_ids.push_back(shard.document_id(document));
  if (options_.shares_prompts)
    row.prefixes.push_back(which.index == 0 ? 0 : static_cast<int32_t>(s.prefix));
  row.sources.push_back(s.source);
  row.samples.push_back(options_.first_document + which.sample * num_documents() + which.index);
}

}  // namespace llm::data
