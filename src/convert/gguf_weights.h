// The tensors of a GGUF model under Hugging Face's names.
#pragma once

#include "llm/arch/model_config.h"
#include "llm/convert/weight_source.h"
#include "llm/io/gguf_model.h"

namespace llm::convert {

// F32, F16 and BF16 are views of the mapped file, except for rows in interleaved rotary order;
// blocks are decoded to fp32 on all threads.
class GgufWeights : public WeightSource {
 public:
  // Throws: FormatError for a tensor of a type we cannot decode.
  GgufWeights(io::GgufModel model, const arch::ModelConfig& config);

  std::string where() const override { return model_.metadata().path().string(); }
  const std::map<std::string, StoredTensor>& tensors() const override { return tensors_; }
  at::Tensor read(const std::string& name) const override;
  at::Tensor read_rows(const std::string& name, int64_t first, int64_t count) const override;
  std::optional<StoredBlocks> read_blocks(const std::string& name) const override;
  uint64_t file_bytes() const override;

 private:
  const io::GgufTensor& stored(const std::string& name) const;
  at::Tensor decode(const io::GgufTensor& tensor, int64_t first_row, int64_t num_rows) const;
  // 0: its rows stand as in Hugging Face's directories.
  int64_t interleaved_heads(const std::string& name) const;

  io::GgufModel model_;
  int64_t num_heads_ = 0, num_kv_heads_ = 0;
  bool interleaved_ = false;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, const io::GgufTensor*> by_name_;
};

}  // namespace llm::convert
