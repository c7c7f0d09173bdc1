#include "llm/convert/extended_vocabulary.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "llm/core/check.h"

namespace llm::convert {
namespace {

constexpr const char* kTables[] = {arch::kEmbeddingName, arch::kHeadName};

bool is_table(const std::string& name) {
  return std::ranges::find(kTables, name) != std::ranges::end(kTables);
}

class ExtendedVocabulary final : public WeightSource {
 public:
  ExtendedVocabulary(std::unique_ptr<WeightSource> base, int64_t rows)
      : base_(std::move(base)), rows_(rows), tensors_(base_->tensors()) {
    for (const char* name : kTables) {
      const auto found = tensors_.find(name);
      if (found == tensors_.end()) continue;
      StoredTensor& table = found->second;
      LLM_CHECK(table.shape.at(0) <= rows, "{} has {} rows", name, table.shape[0]);
      table.bytes =
          table.bytes / static_cast<uint64_t>(table.shape[0]) * static_cast<uint64_t>(rows);
      table.shape[0] = rows;
      table.quantized = false;
    }
  }

  std::string where() const override { return base_->where(); }
  const std::map<std::string, StoredTensor>& tensors() const override { return tensors_; }

  at::Tensor read(const std::string& name) const override {
    const at::Tensor stored = base_->read(name);
    if (!is_table(name) || stored.size(0) == rows_) return stored;
    const at::Tensor mean = stored.mean(0, /*keepdim=*/true, at::kFloat).to(stored.scalar_type());
    return at::cat({stored, mean.expand({rows_ - stored.size(0), -1})});
  }

  at::Tensor read_rows(const std::string& name, int64_t first, int64_t count) const override {
    return is_table(name) ? read(name).narrow(0, first, count)
                          : base_->read_rows(name, first, count);
  }

  std::optional<StoredBlocks> read_blocks(const std::string& name) const override {
    if (is_table(name)) return std::nullopt;
    return base_->read_blocks(name);
  }

  uint64_t file_bytes() const override { return base_->file_bytes(); }

 private:
  std::unique_ptr<WeightSource> base_;
  int64_t rows_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace

std::unique_ptr<WeightSource> extend_vocabulary(std::unique_ptr<WeightSource> base, int64_t rows) {
  LLM_CHECK(base->contains(kTables[0]), "{} has no embedding", base->where());
  return std::make_unique<ExtendedVocabulary>(std::move(base), rows);
}

}  // namespace llm::convert
