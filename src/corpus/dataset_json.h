// dataset.json (include/llm/corpus/dataset.h) in both directions.
#pragma once

#include <filesystem>

#include "llm/corpus/dataset.h"
#include "llm/io/json.h"

namespace llm::corpus {

io::OrderedJson dataset_to_json(const PreparedDataset& dataset);

// `directory` is put in front of the paths. Throws: FormatError.
PreparedDataset dataset_from_json(const io::OrderedJson& json,
                                  const std::filesystem::path& directory);

}  // namespace llm::corpus
