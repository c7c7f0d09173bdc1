// Where the documents of an evaluation come from: text files, or the shards of a prepared dataset.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "llm/corpus/dataset.h"
#include "llm/corpus/document_reader.h"
#include "llm/eval/perplexity.h"
#include "llm/text/tokenizer.h"

namespace llm::eval {

using DocumentSink = std::function<void(const ScoredDocument& document)>;

// Every document of the files, in their order, encoded without special tokens. Throws: what
// corpus::RecordReader and corpus::RecordParser throw; DataError when there is none.
corpus::ReadCounts visit_text(const std::vector<corpus::InputFile>& files,
                              const corpus::ReadOptions& options, const text::Tokenizer& tokenizer,
                              Prefix prefix, const DocumentSink& sink);

// Every document of a split, in its order; its closing EOS is scored like any other token. Throws:
// DataError when the dataset was prepared with another tokenizer; ConfigError when the split is
// empty or unknown.
void visit_dataset(const corpus::PreparedDataset& dataset, const std::string& split,
                   const text::Tokenizer& tokenizer, Prefix prefix, const DocumentSink& sink);

}  // namespace llm::eval
