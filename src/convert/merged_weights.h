// The tensors of a model with an adapter merged into it.
#pragma once

#include <memory>

#include "llm/arch/model_config.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/weight_source.h"

namespace llm::convert {

// The config of the merged model. The vocabulary is that of stored tables. A tied head stays tied
// while nothing tells it from the embedding; else it becomes a parameter, which holds what the
// adapter makes of it at run time. Throws: FormatError for tables of different numbers of rows.
arch::ModelConfig merged_config(const LoraAdapter& adapter, const arch::ModelConfig& base,
                                const WeightSource& base_weights);

// Adapted tensors are computed in fp32 for every read and given as fp32: whoever stores them rounds
// them once. All others are the base's.
class MergedWeights : public WeightSource {
 public:
  MergedWeights(std::shared_ptr<const AppliedAdapter> applied, const arch::ModelConfig& merged);

  std::string where() const override;
  const std::map<std::string, StoredTensor>& tensors() const override { return tensors_; }
  at::Tensor read(const std::string& name) const override;
  at::Tensor read_rows(const std::string& name, int64_t first, int64_t count) const override;
  uint64_t file_bytes() const override;

 private:
  struct Part {
    std::string in_base;  // "": stored whole in the adapter
    const arch::LoraModule* module = nullptr;
  };
  void add(const std::string& name, Part part);
  const Part& part_of(const std::string& name) const;

  std::shared_ptr<const AppliedAdapter> applied_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, Part> parts_;
};

}  // namespace llm::convert
