#include "convert/llama2c_source.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "convert/rotary_order.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/mapped_file.h"
#include "llm/text/tokenizer.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kHeaderBytes = 7 * sizeof(int32_t);

core::FormatError not_llama2c(const fs::path& file, const std::string& got) {
  return core::FormatError({.where = file.string(),
                            .expected = "a model of llama2.c, version 0",
                            .got = got,
                            .hint = "The download or copy may be incomplete. Weights of torch.save "
                                    "(.bin) are not read: convert them to safetensors in Python."});
}

arch::ModelConfig read_header(const io::MappedFile& file) {
  std::array<int32_t, 7> field{};
  if (file.bytes().size() < kHeaderBytes) throw not_llama2c(file.path(), "fewer than 28 bytes");
  std::memcpy(field.data(), file.bytes().data(), kHeaderBytes);
  for (const int32_t value : field) {
    if (value == 0 || value < -(1 << 24) || value > (1 << 24))
      throw not_llama2c(file.path(), fmt::format("a size of {} in the header", value));
  }
  arch::ModelConfig config;
  config.hidden_size = field[0];
  config.intermediate_size = field[1];
  config.num_hidden_layers = field[2];
  config.num_attention_heads = field[3];
  config.num_key_value_heads = field[4];
  config.vocab_size = std::abs(field[5]);
  config.max_position_embeddings = field[6];
  config.tie_word_embeddings = field[5] > 0;
  config.rms_norm_eps = 1e-5;
  config.bos_token_id = 1;
  config.eos_token_ids = {2};
  if (config.num_attention_heads < 1 || config.hidden_size % config.num_attention_heads != 0)
    throw not_llama2c(file.path(), fmt::format("{} heads of {} columns", field[3], field[0]));
  config.head_dim = config.hidden_size / config.num_attention_heads;
  arch::validate(config, file.path().string());
  return config;
}

class Llama2cWeights : public WeightSource {
 public:
  Llama2cWeights(io::MappedFile file, const arch::ModelConfig& config)
      : file_(std::move(file)), config_(config) {
    lay_out();
    if (file_.bytes().size() != end_)
      throw not_llama2c(file_.path(), fmt::format("{} bytes where its header asks for {}",
                                                  file_.bytes().size(), end_));
  }

  std::string where() const override { return file_.path().string(); }
  const std::map<std::string, StoredTensor>& tensors() const override { return tensors_; }
  uint64_t file_bytes() const override { return file_.bytes().size(); }

  at::Tensor read(const std::string& name) const override {
    const auto found = offsets_.find(name);
    LLM_CHECK(found != offsets_.end(), "no tensor {} in {}", name, where());
    // LibTorch has no read-only tensors; nobody writes to what read() returns.
    void* data = const_cast<std::byte*>(file_.bytes().data() + found->second);
    const at::Tensor stored = at::from_blob(data, entry(name).shape, at::kFloat);
    if (name.ends_with("q_proj.weight")) return to_half_split(stored, config_.num_attention_heads);
    if (name.ends_with("k_proj.weight")) return to_half_split(stored, config_.num_key_value_heads);
    return stored;
  }

 private:
  void place(const std::string& name, std::vector<int64_t> shape) {
    StoredTensor tensor{.shape = std::move(shape), .type = "F32", .dtype = at::kFloat};
    tensor.bytes = static_cast<uint64_t>(tensor.numel()) * sizeof(float);
    offsets_[name] = end_;
    end_ += tensor.bytes;
    tensors_[name] = std::move(tensor);
  }

  void place_layers(const std::string& suffix, const std::vector<int64_t>& shape) {
    for (int64_t layer = 0; layer < config_.num_hidden_layers; ++layer)
      place(fmt::format("model.layers.{}.{}.weight", layer, suffix), shape);
  }

  void lay_out() {
    const int64_t dim = config_.hidden_size;
    const int64_t ffn = config_.intermediate_size;
    place(arch::kEmbeddingName, {config_.vocab_size, dim});
    place_layers("input_layernorm", {dim});
    place_layers("self_attn.q_proj", {config_.q_size(), dim});
    place_layers("self_attn.k_proj", {config_.kv_size(), dim});
    place_layers("self_attn.v_proj", {config_.kv_size(), dim});
    place_layers("self_attn.o_proj", {dim, config_.q_size()});
    place_layers("post_attention_layernorm", {dim});
    place_layers("mlp.gate_proj", {ffn, dim});
    place_layers("mlp.down_proj", {dim, ffn});
    place_layers("mlp.up_proj", {ffn, dim});
    place("model.norm.weight", {dim});
    // Tables of cosines and sines, which everybody computes from the config.
    const int64_t angles = config_.max_position_embeddings * config_.head_dim / 2;
    end_ += static_cast<uint64_t>(2 * angles) * sizeof(float);
    if (!config_.tie_word_embeddings) place(arch::kHeadName, {config_.vocab_size, dim});
  }

  io::MappedFile file_;
  arch::ModelConfig config_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, uint64_t> offsets_;
  uint64_t end_ = kHeaderBytes;
};

// tok512.bin for 512 ids, as the project's tiny models come; else the 32000 pieces of Llama 2.
fs::path tokenizer_beside(const fs::path& file, int64_t vocab_size) {
  const fs::path named = file.parent_path() / fmt::format("tok{}.bin", vocab_size);
  return fs::exists(named) ? named : file.parent_path() / "tokenizer.bin";
}

}  // namespace

ModelSource open_llama2c(const fs::path& path) {
  io::MappedFile file(path);
  ModelSource source;
  source.path = path;
  source.format = ModelFormat::kLlama2c;
  source.config = read_header(file);
  const fs::path tokenizer = tokenizer_beside(path, source.config.vocab_size);
  if (fs::exists(tokenizer)) source.tokenizer = text::load_tokenizer(tokenizer);
  source.weights = std::make_unique<Llama2cWeights>(std::move(file), source.config);
  return source;
}

}  // namespace llm::convert
