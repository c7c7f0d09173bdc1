// A tokenizer and a model without files and weights, for tests of generation and chat.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/rng.h"
#include "llm/generate/language_model.h"
#include "llm/text/tokenizer.h"

namespace llm::generate::testing {

// Ids 0..255 are the bytes, then come the special tokens, then plain pieces of several bytes (which
// encode() never uses).
class ByteTokenizer : public text::Tokenizer {
 public:
  explicit ByteTokenizer(std::vector<std::string> special = {"<eos>"},
                         std::vector<std::string> pieces = {})
      : num_special_(special.size()) {
    for (int i = 0; i < 256; ++i) pieces_.push_back(std::string(1, static_cast<char>(i)));
    for (auto& s : special) {
      added_.push_back({s, static_cast<int32_t>(pieces_.size())});
      pieces_.push_back(s);
    }
    for (auto& p : pieces) pieces_.push_back(std::move(p));
  }

  std::vector<int32_t> encode(std::string_view text, const text::EncodeOptions&) const override {
    std::vector<int32_t> ids;
    for (char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::vector<int32_t> encode_parts(std::span<const text::TextPart> parts) const override {
    std::vector<int32_t> ids;
    for (const text::TextPart& part : parts) {
      std::string_view rest = part.text;
      while (!rest.empty()) {
        const auto* token = part.parse_special ? special_at_start(rest) : nullptr;
        ids.push_back(token ? token->id : static_cast<unsigned char>(rest[0]));
        rest.remove_prefix(token ? token->content.size() : 1);
      }
    }
    return ids;
  }
  std::string decode_bytes(std::span<const int32_t> ids, bool skip_special) const override {
    std::string out;
    for (int32_t id : ids) {
      if (!(skip_special && is_special(id))) out += piece(id);
    }
    return out;
  }
  std::string normalize(std::string_view text) const override { return std::string(text); }
  uint64_t count_unknown(std::string_view) const override { return 0; }
  int32_t vocab_size() const override { return static_cast<int32_t>(pieces_.size()); }
  std::optional<int32_t> find(std::string_view wanted) const override {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (pieces_[i] == wanted) return static_cast<int32_t>(i);
    }
    return std::nullopt;
  }
  const std::string& piece(int32_t id) const override {
    return pieces_.at(static_cast<size_t>(id));
  }
  int64_t num_merges() const override { return 0; }
  bool is_special(int32_t id) const override {
    return id >= 256 && static_cast<size_t>(id) < 256 + num_special_;
  }
  const std::vector<text::AddedToken>& added_tokens() const override { return added_; }
  std::optional<int32_t> bos_id() const override { return std::nullopt; }
  std::optional<int32_t> eos_id() const override {
    return num_special_ > 0 ? std::optional<int32_t>(256) : std::nullopt;
  }
  std::optional<int32_t> pad_id() const override { return std::nullopt; }
  std::optional<int32_t> unk_id() const override { return std::nullopt; }
  std::vector<int32_t> stop_ids() const override {
    std::vector<int32_t> ids;
    for (const auto& token : added_) ids.push_back(token.id);
    return ids;
  }
  const std::string& chat_template() const override { return chat_template_; }
  uint64_t fingerprint() const override { return 1; }
  void save(const std::filesystem::path&) const override {}

 private:
  const text::AddedToken* special_at_start(std::string_view text) const {
    for (const auto& token : added_) {
      if (text.starts_with(token.content)) return &token;
    }
    return nullptr;
  }

  size_t num_special_;
  std::vector<std::string> pieces_;
  std::vector<text::AddedToken> added_;
  std::string chat_template_;
};

// Keeps the sequence and notes every pass.
class RecordingModel : public LanguageModel {
 public:
  explicit RecordingModel(int64_t context_length) : context_length_(context_length) {}

  int64_t context_length() const override { return context_length_; }
  const std::vector<int32_t>& ids() const override { return ids_; }
  void truncate(int64_t length) override { ids_.resize(static_cast<size_t>(length)); }
  void append(const std::vector<int32_t>& ids) override { see(ids); }
  at::Tensor next_logits(const std::vector<int32_t>& ids) override {
    see(ids);
    return logits();
  }

  std::vector<size_t> passes;  // tokens of each forward pass

 protected:
  virtual at::Tensor logits() const = 0;  // [V]

 private:
  void see(const std::vector<int32_t>& ids) {
    EXPECT_FALSE(ids.empty());
    passes.push_back(ids.size());
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    EXPECT_LE(static_cast<int64_t>(ids_.size()), context_length_);
  }

  int64_t context_length_;
  std::vector<int32_t> ids_;
};

// Says one token after the other, whatever it was shown; then the last one for ever.
class ScriptedModel : public RecordingModel {
 public:
  ScriptedModel(int64_t vocab_size, std::vector<int32_t> script, int64_t context_length = 4096)
      : RecordingModel(context_length), vocab_size_(vocab_size), script_(std::move(script)) {}

 protected:
  at::Tensor logits() const override {
    at::Tensor out = at::full({vocab_size_}, -50.0, at::kFloat);
    out[script_[std::min(next_, script_.size() - 1)]] = 50.0;
    ++next_;
    return out;
  }

 private:
  int64_t vocab_size_;
  std::vector<int32_t> script_;
  mutable size_t next_ = 0;
};

// Logits that are a pure function of the whole sequence: any token lost, doubled or out of order
// changes them.
class HashModel : public RecordingModel {
 public:
  HashModel(int64_t vocab_size, int64_t context_length = 4096)
      : RecordingModel(context_length), vocab_size_(vocab_size) {}

 protected:
  at::Tensor logits() const override {
    uint64_t hash = ids().size();
    for (int32_t id : ids()) hash = core::mix_seed(hash, static_cast<uint64_t>(id));
    core::PhiloxStream random(hash);
    at::Tensor out = at::empty({vocab_size_}, at::kFloat);
    float* data = out.mutable_data_ptr<float>();
    for (int64_t i = 0; i < vocab_size_; ++i)
      data[i] = static_cast<float>(2 * random.next_normal());
    return out;
  }

 private:
  int64_t vocab_size_;
};

}  // namespace llm::generate::testing
