// examples.json (include/llm/corpus/example_dataset.h) in both directions.
#pragma once

#include <filesystem>

#include "llm/corpus/example_dataset.h"
#include "llm/io/json.h"

namespace llm::corpus {

io::OrderedJson example_dataset_to_json(const ExampleDataset& dataset);

// `directory` is put in front of the names of files. Throws: FormatError.
ExampleDataset example_dataset_from_json(const io::OrderedJson& json,
                                         const std::filesystem::path& directory);

}  // namespace llm::corpus
