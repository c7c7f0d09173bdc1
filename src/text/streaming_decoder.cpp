#include "llm/core/check.h"
#include "llm/text/tokenizer.h"
#include "llm/text/utf8.h"

namespace llm::text {

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  return replace_invalid_utf8(decode_bytes(ids, skip_special));
}

void Tokenizer::decode_next(int32_t id, bool skip_special, DecodeState& state,
                            std::string& out) const {
  out += decode_bytes(std::span(&id, 1), skip_special);
  state.started = true;
}

StreamingDecoder::StreamingDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {
  LLM_CHECK(tokenizer_, "a decoder needs a tokenizer");
}

std::string StreamingDecoder::push(int32_t id) {
  tokenizer_->decode_next(id, skip_special_, state_, pending_);
  const size_t ready = complete_utf8_prefix(pending_);
  std::string out = replace_invalid_utf8(std::string_view(pending_).substr(0, ready));
  pending_.erase(0, ready);
  return out;
}

std::string StreamingDecoder::finish() {
  std::string out = replace_invalid_utf8(pending_);
  pending_.clear();
  state_ = {};
  return out;
}

}  // namespace llm::text
