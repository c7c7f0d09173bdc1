// Rows that are tokenised already.
#pragma once

#include "corpus/example_row.h"

namespace llm::corpus {

// One document, or chosen and rejected. Throws: DataError.
std::vector<TrainingDocument> parse_token_documents(const ExampleRow& row);

}  // namespace llm::corpus
