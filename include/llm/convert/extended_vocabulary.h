// A model whose vocabulary grew: its embedding and head with more rows than are stored.
#pragma once

#include <memory>

#include "llm/convert/weight_source.h"

namespace llm::convert {

// The tensors of `base`, the embedding and a stored head with `rows` rows: the new ones are the
// mean of the others, as transformers' resize_token_embeddings centres them. Requires: the base
// contains the embedding, with at most `rows` rows.
std::unique_ptr<WeightSource> extend_vocabulary(std::unique_ptr<WeightSource> base, int64_t rows);

}  // namespace llm::convert
