// Files of examples, encoded by many threads and delivered in order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/corpus/document_reader.h"
#include "llm/corpus/example_encoder.h"

namespace llm::corpus {

// What rows are for: sft trains on one answer, preference (ORPO and its kin) on two. kAuto: what
// the first row is.
enum class ExampleTask { kAuto, kSft, kPreference };
const std::vector<std::pair<ExampleTask, std::string>>& config_enum_names(ExampleTask);

struct ExampleSource {
  std::string name;
  std::vector<std::string> paths;
  ExampleFormat format = ExampleFormat::kAuto;
  ExampleColumns columns;
  int64_t max_rows = 0;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "how reports call the source; \"\": the name of its first file");
    v.field("paths", paths, "JSON lines files, folders or patterns");
    v.field("format", format, "format of the rows; auto: that of each file's first row");
    v.section("columns", columns, "what the columns are called");
    v.field("max_rows", max_rows, "the first rows only; 0: all", core::at_least(0));
  }
};

struct ExampleCounts {
  uint64_t rows = 0;  // read
  uint64_t kept = 0;  // a pair is one
  uint64_t dropped_too_long = 0;
  uint64_t dropped_empty = 0;
  uint64_t dropped_untrained = 0;
  uint64_t truncated = 0;  // of the kept ones, and so are the rest
  uint64_t identical = 0;  // pairs whose answers have the same ids
  uint64_t duplicate = 0;  // whose ids an earlier row had, in this source or one before it
  uint64_t tokens = 0;
  uint64_t trained_tokens = 0;
  uint64_t longest = 0;  // document, in tokens
};
// The fields by name, in that order.
const std::vector<std::pair<const char*, uint64_t ExampleCounts::*>>& example_count_names();
io::OrderedJson to_json(const ExampleCounts& counts);

struct ExampleSourceReport {
  std::string name;
  std::vector<std::string> files;
  std::vector<ExampleFormat> formats;       // each once, in the order they came
  std::vector<std::string> unused_columns;  // of the files' first rows, each once
  ExampleCounts counts;
};

// One after the other reads the sources of one data set. Not thread-safe.
class ExampleReader {
 public:
  struct Options {
    int num_threads = 1;
    ExampleTask task = ExampleTask::kAuto;
    ReadProgressHook progress = {};
  };
  // `encoder` must outlive the reader.
  ExampleReader(const ExampleEncoder& encoder, Options options);

  // Calls `visit` on this thread for every row in order, also for those left out. The result does
  // not depend on the number of threads.
  // Throws: what find_input_files, RecordReader, parse_example and ExampleEncoder throw, for the
  // earliest row that has a problem; DataError for a row of another format than its file's first,
  // and for a pair where single answers are wanted or the reverse.
  ExampleSourceReport read(const ExampleSource& source,
                           const std::function<void(const EncodedExample&)>& visit);

  ExampleTask task() const { return options_.task; }  // kAuto until a row was read

 private:
  void check_task(const EncodedExample& example);
  void count(const EncodedExample& example, ExampleCounts& counts);

  const ExampleEncoder& encoder_;
  Options options_;
  std::unordered_set<uint64_t> seen_;  // hashes of ids
};

// XXH3-64 of the ids, as 32-bit little-endian numbers.
uint64_t hash_ids(const std::vector<int32_t>& ids);

}  // namespace llm::corpus
