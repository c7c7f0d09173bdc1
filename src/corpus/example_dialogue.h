// Rows that become dialogues, or pairs of them.
#pragma once

#include "corpus/example_row.h"

namespace llm::corpus {

// Each fills prompt, completion, rejected, tools and is_plain. Throw: DataError.
void parse_alpaca(const ExampleRow& row, Example& example);
void parse_message_list(const ExampleRow& row, const std::string& column, Example& example);
void parse_prompt_completion(const ExampleRow& row, Example& example);
void parse_preference(const ExampleRow& row, Example& example);

}  // namespace llm::corpus
