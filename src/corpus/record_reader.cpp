#include <fmt/format.h>

#include "corpus/blank.h"
#include "llm/core/error.h"
#include "llm/corpus/document_reader.h"
#include "llm/io/file.h"
#include "llm/io/line_reader.h"

namespace llm::corpus {
namespace {

constexpr size_t kMaxRecordSize = size_t{1} << 30;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

uint64_t size_on_disk(const std::filesystem::path& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

const std::vector<std::pair<InvalidUtf8, std::string>>& config_enum_names(InvalidUtf8) {
  static const std::vector<std::pair<InvalidUtf8, std::string>> names = {
      {InvalidUtf8::kError, "error"},
      {InvalidUtf8::kReplace, "replace"},
      {InvalidUtf8::kSkip, "skip"}};
  return names;
}

const std::vector<std::pair<TextSplit, std::string>>& config_enum_names(TextSplit) {
  static const std::vector<std::pair<TextSplit, std::string>> names = {
      {TextSplit::kFile, "file"},
      {TextSplit::kBlankLines, "blank_lines"},
      {TextSplit::kLines, "lines"}};
  return names;
}

struct RecordReader::State {
  State(std::vector<InputFile> input_files, ReadOptions read_options)
      : files(std::move(input_files)), options(std::move(read_options)) {
    for (const InputFile& input : files) bytes_total += size_on_disk(input.path);
  }

  bool is_whole_file() const {
    const DocumentFormat format = files[file].format;
    return format == DocumentFormat::kHtml ||
           (format == DocumentFormat::kText && options.split_documents == TextSplit::kFile);
  }

  bool joins_lines() const {
    return files[file].format == DocumentFormat::kText &&
           options.split_documents == TextSplit::kBlankLines;
  }

  void check_size(size_t size, uint64_t line) const {
    if (size <= kMaxRecordSize) return;
    throw core::DataError({.where = fmt::format("{}:{}", io::shown_path(files[file].path), line),
                           .expected = "documents of at most 1 GiB",
                           .got = "a longer one",
                           .hint = "Cut it with --split-documents blank_lines or lines"});
  }

  Record read_whole_file() {
    io::ByteReader reader(files[file].path);
    constexpr size_t kChunk = size_t{1} << 18;
    Record record{.bytes = {}, .file = file, .line = 1};
    size_t size = 0;
    while (true) {
      record.bytes.resize(size + kChunk);
      const size_t count = reader.read(record.bytes.data() + size, kChunk);
      size += count;
      check_size(size, 1);
      if (count == 0) break;
    }
    record.bytes.resize(size);
    if (record.bytes.starts_with(kByteOrderMark)) record.bytes.erase(0, kByteOrderMark.size());
    bytes_before += reader.compressed_position();
    return record;
  }

  std::optional<std::string> next_line() {
    auto line = lines->next();
    if (line && lines->line_number() == 1 && line->starts_with(kByteOrderMark)) {
      line->erase(0, kByteOrderMark.size());
    }
    return line;
  }

  // The next line that is not blank; with joins_lines() the lines up to the next blank one.
  std::optional<Record> next_of_lines() {
    Record record{.bytes = {}, .file = file, .line = 0};
    while (auto line = next_line()) {
      if (is_blank(*line)) {
        if (record.line != 0) return record;
        continue;
      }
      if (record.line == 0) {
        record.line = lines->line_number();
        record.bytes = std::move(*line);
        if (!joins_lines()) return record;
      } else {
        record.bytes += '\n';
        record.bytes += *line;
        check_size(record.bytes.size(), record.line);
      }
    }
    bytes_before += lines->bytes().compressed_position();
    lines.reset();
    if (record.line == 0) return std::nullopt;
    return record;
  }

  std::vector<InputFile> files;
  ReadOptions options;
  size_t file = 0;  // the one being read
  std::unique_ptr<io::LineReader> lines;
  uint64_t bytes_total = 0;
  uint64_t bytes_before = 0;  // of the files already read
};

RecordReader::RecordReader(std::vector<InputFile> files, ReadOptions options)
    : state_(new State(std::move(files), std::move(options))) {}
RecordReader::~RecordReader() = default;

std::optional<Record> RecordReader::next() {
  State& state = *state_;
  while (state.file < state.files.size()) {
    if (state.is_whole_file()) {
      Record record = state.read_whole_file();
      ++state.file;
      return record;
    }
    if (!state.lines) {
      state.lines = std::make_unique<io::LineReader>(state.files[state.file].path);
    }
    auto record = state.next_of_lines();
    if (!state.lines) ++state.file;
    if (record) return record;
  }
  return std::nullopt;
}

uint64_t RecordReader::bytes_done() const {
  const State& state = *state_;
  return state.bytes_before + (state.lines ? state.lines->bytes().compressed_position() : 0);
}

uint64_t RecordReader::bytes_total() const { return state_->bytes_total; }

}  // namespace llm::corpus
