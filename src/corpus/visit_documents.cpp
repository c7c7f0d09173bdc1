#include <fmt/format.h>

#include "corpus/ordered_pipeline.h"
#include "corpus/record_batch.h"
#include "llm/core/error.h"
#include "llm/corpus/document_reader.h"
#include "llm/io/file.h"

namespace llm::corpus {
namespace {

struct Visited {
  ReadCounts counts;
  ReadProgress progress;
};

}  // namespace

ReadCounts visit_documents(const std::vector<InputFile>& files, const ReadOptions& options,
                           int num_threads, const std::function<void(const Document&)>& visit,
                           const ReadProgressHook& progress) {
  RecordReader reader(files, options);
  const RecordParser parser(files, options);
  ReadCounts total;
  const auto work = [&](RecordBatch batch) {
    Visited visited{{}, batch.progress};
    for (Record& record : batch.records) {
      const ParsedRecord parsed = parser.parse(std::move(record));
      visited.counts.add(parsed);
      if (parsed.kind == RecordKind::kDocument) visit(parsed.document);
    }
    return visited;
  };
  const auto consume = [&](Visited visited) {
    total.add(visited.counts);
    visited.progress.documents = total.documents;
    if (progress) progress(visited.progress);
  };
  OrderedPipeline<RecordBatch, Visited> pipeline(
      {.produce = [&] { return next_batch(reader); },
       .cost = [](const RecordBatch& batch) { return batch.bytes; },
       .work = work,
       .consume = consume},
      kMaxBytesInFlight);
  pipeline.run(num_threads);
  require_documents(total, files);
  return total;
}

void require_documents(const ReadCounts& counts, const std::vector<InputFile>& files) {
  if (counts.documents > 0) return;
  const uint64_t skipped = counts.skipped_empty + counts.skipped_invalid;
  const std::string left_out = skipped == 0
                                   ? ""
                                   : fmt::format(" ({} empty, {} with invalid UTF-8)",
                                                 counts.skipped_empty, counts.skipped_invalid);
  const std::string where = files.size() == 1 ? io::shown_path(files[0].path)
                                              : fmt::format("{} input files", files.size());
  throw core::DataError({.where = where,
                         .expected = "at least one document",
                         .got = "none" + left_out,
                         .hint = "Check the input, its format and the field that holds the text"});
}

}  // namespace llm::corpus
