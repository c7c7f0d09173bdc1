// Documents of text files, read in two steps so that many threads can share the work: RecordReader
// cuts files into records (one thread, little work), RecordParser turns a record into a document
// (any number of threads). visit_documents does both.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/corpus/input_files.h"

namespace llm::corpus {

// What to do with a document that is not valid UTF-8: stop; put U+FFFD for every bad part; leave
// the document out.
enum class InvalidUtf8 { kError, kReplace, kSkip };
const std::vector<std::pair<InvalidUtf8, std::string>>& config_enum_names(InvalidUtf8);

// What one document of a plain text file is: the file; a run of lines between empty lines; a line.
enum class TextSplit { kFile, kBlankLines, kLines };
const std::vector<std::pair<TextSplit, std::string>>& config_enum_names(TextSplit);

struct ReadOptions {
  DocumentFormat format = DocumentFormat::kAuto;
  std::string text_field = "text";
  InvalidUtf8 invalid_utf8 = InvalidUtf8::kError;
  TextSplit split_documents = TextSplit::kFile;

  template <class V>
  void visit(V& v) {
    v.field("format", format, "format of the input files; auto: by ending and content");
    v.field("text_field", text_field, "field of a JSON line that holds the text");
    v.field("invalid_utf8", invalid_utf8, "what to do with a document that is not valid UTF-8");
    v.field("split_documents", split_documents, "what one document of a plain text file is");
  }
};

struct Record {
  std::string bytes;
  size_t file = 0;    // index into the list of input files
  uint64_t line = 1;  // of the record's first byte, 1-based
};

// Streams records of one file after the other; holds one record at a time. Not thread-safe.
class RecordReader {
 public:
  RecordReader(std::vector<InputFile> files, ReadOptions options);
  ~RecordReader();
  // Nothing at the end of the last file. Throws: what io::LineReader throws; DataError for a
  // record of more than 1 GiB.
  std::optional<Record> next();
  uint64_t bytes_done() const;   // of the files as they lie on disk
  uint64_t bytes_total() const;  // 0: unknown (a pipe)

 private:
  struct State;
  std::unique_ptr<State> state_;
};

enum class RecordKind { kDocument, kEmpty, kInvalidUtf8 };

struct Document {
  std::string text;  // valid UTF-8, not only white space
  size_t file = 0;
  uint64_t line = 1;
};

struct ParsedRecord {
  RecordKind kind = RecordKind::kDocument;
  bool was_replaced = false;  // invalid UTF-8 became U+FFFD
  Document document;          // of kDocument
};

// Immutable; parse() may be called from many threads.
class RecordParser {
 public:
  RecordParser(std::vector<InputFile> files, ReadOptions options);
  // Throws: DataError naming file:line (and column or byte) for a line that is no JSON object, a
  // text field that is missing or no string, and for invalid UTF-8 under kError.
  ParsedRecord parse(Record record) const;

 private:
  std::vector<InputFile> files_;
  ReadOptions options_;
};

struct ReadCounts {
  uint64_t documents = 0;
  uint64_t bytes = 0;             // of their text
  uint64_t skipped_empty = 0;     // nothing but white space
  uint64_t skipped_invalid = 0;   // invalid UTF-8 under kSkip
  uint64_t replaced_invalid = 0;  // documents with invalid UTF-8 under kReplace
  void add(const ParsedRecord& record);
  void add(const ReadCounts& other);
};

struct ReadProgress {
  uint64_t bytes_done = 0;  // of the input files as they lie on disk
  uint64_t bytes_total = 0;
  uint64_t documents = 0;
};
// Called now and then on the calling thread. What it throws stops the work and comes out.
using ReadProgressHook = std::function<void(const ReadProgress&)>;

// Calls `visit` once for every document, from `num_threads` threads, in no particular order.
// Throws: as RecordReader and RecordParser (the error of the earliest record), and what `visit`
// throws; DataError when there is no document at all.
ReadCounts visit_documents(const std::vector<InputFile>& files, const ReadOptions& options,
                           int num_threads, const std::function<void(const Document&)>& visit,
                           const ReadProgressHook& progress = {});

// Throws: DataError "inputs: expected at least one document, got none", with what was left out.
void require_documents(const ReadCounts& counts, const std::vector<InputFile>& files);

}  // namespace llm::corpus
