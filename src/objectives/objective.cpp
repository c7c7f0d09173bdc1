#include "llm/objectives/objective.h"

namespace llm::objectives {

nn::ModelInput model_input(const data::Batch& batch) {
  return {batch.ids, batch.positions, batch.cu_seqlens, batch.max_seqlen, batch.document_lengths};
}

}  // namespace llm::objectives
