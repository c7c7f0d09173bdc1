#include "llm/corpus/example_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <span>

#include "corpus/ordered_pipeline.h"
#include "corpus/record_batch.h"
#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/io/hash.h"

namespace llm::corpus {
namespace {

struct RowBatch {
  RecordBatch records;
  std::vector<ExampleFormat> formats;  // of each record's file
};

struct EncodedBatch {
  std::vector<EncodedExample> examples;
  ReadProgress progress;
};

std::string place_of(const InputFile& file, const Record& record) {
  return fmt::format("{}:{}", io::shown_path(file.path), record.line);
}

template <class T>
void add_once(std::vector<T>& values, const T& value) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

// Cuts files into batches of rows, and says of what format each file is.
class RowSource {
 public:
  RowSource(const ExampleSource& source, const std::vector<InputFile>& files,
            ExampleSourceReport& report)
      : source_(source),
        files_(files),
        report_(report),
        reader_(files, {.format = DocumentFormat::kJsonl}),
        formats_(files.size(), ExampleFormat::kAuto) {}

  std::optional<RowBatch> next() {
    const uint64_t limit = static_cast<uint64_t>(source_.max_rows);
    if (limit > 0 && num_rows_ >= limit) return std::nullopt;
    auto records = next_batch(reader_);
    if (!records) return std::nullopt;
    if (limit > 0 && records->records.size() > limit - num_rows_)
      records->records.resize(limit - num_rows_);
    num_rows_ += records->records.size();
    RowBatch batch{std::move(*records), {}};
    for (const Record& record : batch.records.records) batch.formats.push_back(format_of(record));
    return batch;
  }

 private:
  ExampleFormat format_of(const Record& record) {
    ExampleFormat& format = formats_[record.file];
    if (format != ExampleFormat::kAuto) return format;
    const std::string where = place_of(files_[record.file], record);
    const io::OrderedJson row = parse_example_json(record.bytes, where);
    format = source_.format == ExampleFormat::kAuto ? detect_format(row, source_.columns, where)
                                                    : source_.format;
    add_once(report_.formats, format);
    if (row.is_object())
      for (const std::string& column : unused_columns(row, source_.columns, format))
        add_once(report_.unused_columns, column);
    return format;
  }

  const ExampleSource& source_;
  const std::vector<InputFile>& files_;
  ExampleSourceReport& report_;
  RecordReader reader_;
  std::vector<ExampleFormat> formats_;
  uint64_t num_rows_ = 0;
};

}  // namespace

const std::vector<std::pair<ExampleTask, std::string>>& config_enum_names(ExampleTask) {
  static const std::vector<std::pair<ExampleTask, std::string>> names = {
      {ExampleTask::kAuto, "auto"},
      {ExampleTask::kSft, "sft"},
      {ExampleTask::kPreference, "preference"}};
  return names;
}

const std::vector<std::pair<const char*, uint64_t ExampleCounts::*>>& example_count_names() {
  using C = ExampleCounts;
  static const std::vector<std::pair<const char*, uint64_t C::*>> names = {
      {"rows", &C::rows},
      {"kept", &C::kept},
      {"dropped_too_long", &C::dropped_too_long},
      {"dropped_empty", &C::dropped_empty},
      {"dropped_untrained", &C::dropped_untrained},
      {"truncated", &C::truncated},
      {"identical", &C::identical},
      {"duplicate", &C::duplicate},
      {"tokens", &C::tokens},
      {"trained_tokens", &C::trained_tokens},
      {"longest", &C::longest}};
  return names;
}

io::OrderedJson to_json(const ExampleCounts& counts) {
  io::OrderedJson out;
  for (const auto& [name, member] : example_count_names()) out[name] = counts.*member;
  return out;
}

uint64_t hash_ids(const std::vector<int32_t>& ids) {
  return io::xxh3(std::as_bytes(std::span(ids)));
}

ExampleReader::ExampleReader(const ExampleEncoder& encoder, Options options)
    : encoder_(encoder), options_(std::move(options)) {}

void ExampleReader::check_task(const EncodedExample& example) {
  const ExampleTask task = example.is_pair ? ExampleTask::kPreference : ExampleTask::kSft;
  if (options_.task == ExampleTask::kAuto) options_.task = task;
  if (options_.task == task) return;
  const std::string& format = format_name(example.format);
  if (example.is_pair)
    throw core::DataError({.where = example.where,
                           .expected = "a row with one answer, for supervised fine-tuning",
                           .got = fmt::format("a pair (format {})", format),
                           .hint = "llmtrain orpo trains on chosen and rejected answers"});
  throw core::DataError({.where = example.where,
                         .expected = "a row with a chosen and a rejected answer",
                         .got = fmt::format("one of format {}", format),
                         .hint = "llmtrain sft trains on single answers"});
}

void ExampleReader::count(const EncodedExample& example, ExampleCounts& counts) {
  counts.rows += 1;
  counts.dropped_too_long += example.outcome == ExampleOutcome::kTooLong;
  counts.dropped_empty += example.outcome == ExampleOutcome::kEmpty;
  counts.dropped_untrained += example.outcome == ExampleOutcome::kUntrained;
  if (example.outcome != ExampleOutcome::kKept) return;
  counts.kept += 1;
  counts.truncated += example.is_truncated;
  counts.identical += example.is_identical;
  uint64_t hash = 0;
  for (const TrainingDocument& document : example.documents) {
    const uint64_t parts[] = {hash, hash_ids(document.ids)};
    hash = io::xxh3(std::as_bytes(std::span(parts)));
    counts.tokens += document.ids.size();
    counts.trained_tokens += count_trained(document);
    counts.longest = std::max<uint64_t>(counts.longest, document.ids.size());
  }
  counts.duplicate += !seen_.insert(hash).second;
}

ExampleSourceReport ExampleReader::read(const ExampleSource& source,
                                        const std::function<void(const EncodedExample&)>& visit) {
  const std::vector<InputFile> files = find_input_files(source.paths, DocumentFormat::kJsonl);
  ExampleSourceReport report;
  report.name = source.name.empty() ? files[0].path.filename().string() : source.name;
  for (const InputFile& file : files) report.files.push_back(file.path.string());
  RowSource rows(source, files, report);
  const auto work = [&](RowBatch batch) {
    EncodedBatch out{{}, batch.records.progress};
    for (size_t i = 0; i < batch.records.records.size(); ++i) {
      const Record& record = batch.records.records[i];
      const std::string where = place_of(files[record.file], record);
      const io::OrderedJson row = parse_example_json(record.bytes, where);
      out.examples.push_back(
          encoder_.encode(parse_example(row, source.columns, batch.formats[i], where)));
    }
    return out;
  };
  const auto consume = [&](EncodedBatch batch) {
    for (const EncodedExample& example : batch.examples) {
      check_task(example);
      count(example, report.counts);
      visit(example);
    }
    batch.progress.documents = report.counts.rows;
    if (options_.progress) options_.progress(batch.progress);
  };
  OrderedPipeline<RowBatch, EncodedBatch> pipeline(
      {.produce = [&] { return rows.next(); },
       .cost = [](const RowBatch& batch) { return batch.records.bytes; },
       .work = work,
       .consume = consume},
      kMaxBytesInFlight);
  pipeline.run(options_.num_threads);
  return report;
}

}  // namespace llm::corpus
