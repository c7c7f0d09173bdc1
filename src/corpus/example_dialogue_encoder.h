// Dialogues to drafts, by a chat template or without one.
#pragma once

#include "corpus/example_draft.h"
#include "llm/corpus/example_encoder.h"
#include "llm/text/chat_template.h"

namespace llm::corpus {

// A prompt and what answers it.
struct Dialogue {
  const Example& example;
  const io::OrderedJson& answer;  // the example's completion or rejected
};

// Throw: as ExampleEncoder::encode. Requires: `train_on` is not kAuto; the answer says something.
Draft encode_with_template(const Dialogue& dialogue, TrainOn train_on,
                           const text::ChatTemplate& chat_template,
                           const text::Tokenizer& tokenizer);
Draft encode_plain(const Dialogue& dialogue, TrainOn train_on, const text::Tokenizer& tokenizer);
Draft encode_text(const Example& example, const text::Tokenizer& tokenizer);

}  // namespace llm::corpus
