#include "llm/text/extend.h"

#include <fmt/format.h>

#include <algorithm>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/pipeline_tokenizer.h"

namespace llm::text {
namespace {

core::ConfigError bad_token(const std::string& expected, const std::string& got) {
  return core::ConfigError({.where = "token to add",
                            .expected = expected,
                            .got = got,
                            .hint = "llmtok inspect lists the tokens that were added already"});
}

void require_token(const std::string& content) {
  if (content.empty()) throw bad_token("a text", "an empty one");
  if (find_invalid_utf8(content) != std::string::npos) throw bad_token("UTF-8", "other bytes");
}

void add_token(TokenizerSpec& spec, const Tokenizer& base, const std::string& content,
               bool special) {
  require_token(content);
  auto& tokens = spec.added_tokens;
  const auto same = std::ranges::find(tokens, content, &AddedToken::content);
  if (same != tokens.end()) {
    if (same->special == special && same->id < base.vocab_size()) return;
    throw bad_token(same->id < base.vocab_size()
                        ? fmt::format("{} as it is, {}", content,
                                      same->special ? "a special token" : "no special token")
                        : "every token once",
                    content);
  }
  if (const auto id = base.find(content)) {
    throw bad_token("a text that is no token yet",
                    fmt::format("'{}', which is piece {} of the vocabulary", content, *id));
  }
  const int32_t id =
      tokens.empty() ? base.vocab_size() : std::max(base.vocab_size(), tokens.back().id + 1);
  tokens.push_back({.content = content, .id = id, .special = special});
}

}  // namespace

std::shared_ptr<const Tokenizer> extend_tokenizer(const Tokenizer& base,
                                                  const TokenExtension& extension) {
  const auto* pipeline = dynamic_cast<const PipelineTokenizer*>(&base);
  LLM_CHECK(pipeline != nullptr, "a tokenizer of another kind");
  TokenizerSpec spec = pipeline->spec();
  for (const std::string& content : extension.special) add_token(spec, base, content, true);
  for (const std::string& content : extension.plain) add_token(spec, base, content, false);
  if (extension.chat_template) spec.roles.chat_template = *extension.chat_template;
  return make_tokenizer(std::move(spec));
}

bool is_extension_of(const Tokenizer& extended, const Tokenizer& base) {
  if (extended.vocab_size() < base.vocab_size()) return false;
  for (int32_t id = 0; id < base.vocab_size(); ++id)
    if (extended.piece(id) != base.piece(id)) return false;
  return true;
}

}  // namespace llm::text
