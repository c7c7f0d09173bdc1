// A document before its length is looked at.
#pragma once

#include "llm/corpus/example.h"
#include "llm/text/tokenizer.h"

namespace llm::corpus {

// Tokens [begin, end) of a document that are its last answer, end-of-turn marker included; of a
// text, all of it but BOS. What stands before `content` is not to be cut.
struct AnswerRange {
  size_t begin = 0;
  size_t content = 0;
  size_t end = 0;
};

struct Draft {
  TrainingDocument document;
  AnswerRange answer;
  size_t prompt_end = 0;  // where what answers the prompt begins
};

enum class Fit { kWhole, kCut, kTooLong };

// Cuts a draft above `max_length` as Truncation::kKeepEndOfTurn says; kTooLong leaves it as it is.
Fit cut_to_length(Draft& draft, size_t max_length, const text::Tokenizer& tokenizer);

// Where in the answer its end-of-turn marker begins: at a special token with nothing but white
// space behind it; answer.end: it has none.
size_t find_end_of_turn(const Draft& draft, const text::Tokenizer& tokenizer);

}  // namespace llm::corpus
