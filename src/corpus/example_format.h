// Which columns make a row one of a format.
#pragma once

#include "corpus/example_row.h"

namespace llm::corpus {

// Throws: DataError when the row lacks what `format` needs, naming the format it does have.
void require_format(const ExampleRow& row, ExampleFormat format);

// "chosen_input_ids": a column of token pairs.
std::string pair_column(const std::string& side, const std::string& column);

}  // namespace llm::corpus
