// A Tokenizer that runs a TokenizerSpec.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_token_matcher.h"
#include "text/normalizer.h"
#include "text/token_model.h"
#include "text/tokenizer_spec.h"

namespace llm::text {

class PipelineTokenizer final : public Tokenizer {
 public:
  // Throws: FormatError when a pattern does not compile, ids collide or a role names no token.
  explicit PipelineTokenizer(TokenizerSpec spec);

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override;
  std::vector<int32_t> encode_parts(std::span<const TextPart> parts) const override;
  std::string decode_bytes(std::span<const int32_t> ids, bool skip_special) const override;
  void decode_next(int32_t id, bool skip_special, DecodeState& state,
                   std::string& out) const override;
  std::string normalize(std::string_view text) const override;
  bool covers_all_text() const override { return model_->covers_all_text(); }
  uint64_t count_unknown(std::string_view text) const override;

  int32_t vocab_size() const override { return static_cast<int32_t>(pieces_.size()); }
  std::optional<int32_t> find(std::string_view piece) const override;
  const std::string& piece(int32_t id) const override;
  bool is_special(int32_t id) const override;
  const std::vector<AddedToken>& added_tokens() const override { return spec_.added_tokens; }
  int64_t num_merges() const override;

  std::optional<int32_t> bos_id() const override { return bos_id_; }
  std::optional<int32_t> eos_id() const override { return eos_id_; }
  std::optional<int32_t> pad_id() const override { return pad_id_; }
  std::optional<int32_t> unk_id() const override { return spec_.rules().unk_id; }
  std::vector<int32_t> stop_ids() const override { return stop_ids_; }
  const std::string& chat_template() const override { return spec_.roles.chat_template; }
  uint64_t fingerprint() const override { return fingerprint_; }
  void save(const std::filesystem::path& directory) const override;
  const TokenizerSpec& spec() const { return spec_; }

 private:
  // A piece of text as it is encoded: after the first special token it is no longer at the start.
  struct Span {
    std::string_view text;
    bool parse_special = false;
    bool at_start = true;
  };
  // Walks the text as encode does: an added token, or a word for the model.
  using WordSink = std::function<void(const AddedToken* token, std::string_view word)>;
  void walk(const Span& span, const WordSink& sink) const;
  void encode_span(const Span& span, std::vector<int32_t>& ids) const;
  bool is_matched_by_model(const AddedToken& token) const;
  void build_matchers();
  void build_special_matcher();
  void build_pieces();
  void build_roles();
  std::optional<int32_t> role_id(const std::optional<std::string>& content, const char* role) const;

  TokenizerSpec spec_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  Decoder decoder_;
  std::vector<std::string> pieces_;  // as written; added tokens included
  std::vector<std::string> bytes_;   // what each id decodes to, unless it is the first
  std::vector<bool> special_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views of pieces_
  std::unique_ptr<TokenModel> model_;
  // Index 0: special tokens are text; 1: they are parsed.
  AddedTokenMatcher raw_matchers_[2];         // before normalisation
  AddedTokenMatcher normalized_matchers_[2];  // after it
  AddedTokenMatcher special_matcher_;         // special tokens alone, as written
  std::optional<int32_t> bos_id_;
  std::optional<int32_t> eos_id_;
  std::optional<int32_t> pad_id_;
  std::vector<int32_t> stop_ids_;
  uint64_t fingerprint_ = 0;
};

// The tokenizer of a spec. Throws: FormatError.
std::shared_ptr<const Tokenizer> make_tokenizer(TokenizerSpec spec);

// XXH3-64 of everything in `spec` that decides which ids a text gets.
uint64_t fingerprint_of(const TokenizerSpec& spec);

}  // namespace llm::text
