#include "llm/eval/documents.h"

#include <fmt/format.h>

#include "llm/core/error.h"
#include "llm/io/hash.h"
#include "llm/io/token_shard.h"

namespace llm::eval {
namespace {

void require_tokenizer(const corpus::PreparedDataset& dataset, const text::Tokenizer& tokenizer) {
  if (dataset.tokenizer_fingerprint == tokenizer.fingerprint()) return;
  throw core::DataError(
      {.where = (dataset.directory / corpus::kDatasetFileName).string(),
       .expected =
           fmt::format("ids of the model's tokenizer, {}", io::hex64(tokenizer.fingerprint())),
       .got = fmt::format("ids of {}", io::hex64(dataset.tokenizer_fingerprint)),
       .hint = "Prepare the data again with the model's tokenizer, or give the text itself."});
}

void visit_shard(const io::TokenShard& shard, const text::Tokenizer& tokenizer, Prefix prefix,
                 const DocumentSink& sink) {
  for (uint64_t i = 0; i < shard.info().num_documents; ++i) {
    const uint64_t begin = shard.document_start(i);
    std::vector<int32_t> ids(shard.document_start(i + 1) - begin);
    shard.read(begin, ids);
    const auto num_bytes =
        static_cast<int64_t>(tokenizer.decode_bytes(ids, /*skip_special=*/true).size());
    sink(with_prefix(tokenizer, std::move(ids), num_bytes, prefix));
  }
}

}  // namespace

corpus::ReadCounts visit_text(const std::vector<corpus::InputFile>& files,
                              const corpus::ReadOptions& options, const text::Tokenizer& tokenizer,
                              Prefix prefix, const DocumentSink& sink) {
  corpus::RecordReader reader(files, options);
  const corpus::RecordParser parser(files, options);
  corpus::ReadCounts counts;
  while (auto record = reader.next()) {
    const corpus::ParsedRecord parsed = parser.parse(std::move(*record));
    counts.add(parsed);
    if (parsed.kind != corpus::RecordKind::kDocument) continue;
    sink(make_document(tokenizer, parsed.document.text, prefix));
  }
  corpus::require_documents(counts, files);
  return counts;
}

void visit_dataset(const corpus::PreparedDataset& dataset, const std::string& split,
                   const text::Tokenizer& tokenizer, Prefix prefix, const DocumentSink& sink) {
  require_tokenizer(dataset, tokenizer);
  const bool is_train = split == "train";
  if (!is_train && split != "validation") {
    throw core::ConfigError(
        {.where = "--split", .expected = "train or validation", .got = split, .hint = {}});
  }
  const corpus::DatasetSplit& chosen = is_train ? dataset.train : dataset.validation;
  if (chosen.documents == 0) {
    throw core::ConfigError({.where = "--split",
                             .expected = "a split with documents",
                             .got = split + ", which is empty",
                             .hint = "Prepare the data with a validation split."});
  }
  for (const std::filesystem::path& path : chosen.paths()) {
    visit_shard(io::TokenShard(path), tokenizer, prefix, sink);
  }
}

}  // namespace llm::eval
