#include <fmt/format.h>

#include <algorithm>

#include "text/json_fields.h"
#include "text/model_json.h"
#include "text/pipeline_json.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

std::vector<AddedToken> read_added_tokens(const JsonField& list) {
  std::vector<AddedToken> tokens;
  if (list.is_null()) return tokens;
  for (size_t i = 0; i < list.array().size(); ++i) {
    const JsonField entry = list.item(i).object();
    AddedToken token;
    token.content = entry.at("content").string();
    token.id = token_id(entry.at("id"));
    if (token.content.empty()) entry.at("content").refuse("text that is not empty");
    token.special = entry.at("special").boolean_or(false);
    token.single_word = entry.at("single_word").boolean_or(false);
    token.lstrip = entry.at("lstrip").boolean_or(false);
    token.rstrip = entry.at("rstrip").boolean_or(false);
    token.normalized = entry.at("normalized").boolean_or(!token.special);
    tokens.push_back(std::move(token));
  }
  std::ranges::stable_sort(tokens, {}, &AddedToken::id);
  for (size_t i = 1; i < tokens.size(); ++i)
    if (tokens[i].id == tokens[i - 1].id) list.refuse(fmt::format("id {} once", tokens[i].id));
  return tokens;
}

void check_template_ids(const TokenizerSpec& spec) {
  int64_t size = static_cast<int64_t>(spec.rules().pieces.size());
  if (!spec.added_tokens.empty()) size = std::max<int64_t>(size, spec.added_tokens.back().id + 1);
  for (const auto* ids : {&spec.prefix_ids, &spec.suffix_ids})
    for (const int32_t id : *ids)
      if (id >= size)
        throw core::FormatError({spec.where + ": post_processor", fmt::format("ids below {}", size),
                                 fmt::format("{}", id), ""});
}

// Byte-level pieces need their own decoder, and no others may have it.
void check_decoder(const JsonField& json, const TokenizerSpec& spec) {
  const bool all = std::ranges::all_of(spec.decoder, [](const DecoderStep& step) {
    return step.kind == DecoderStep::Kind::kByteLevel;
  });
  const bool any = std::ranges::any_of(spec.decoder, [](const DecoderStep& step) {
    return step.kind == DecoderStep::Kind::kByteLevel;
  });
  if (spec.is_byte_level() && !all)
    json.refuse("the decoder ByteLevel, as the last pre-tokenizer is ByteLevel");
  if (!spec.is_byte_level() && any)
    json.refuse("another decoder, as the last pre-tokenizer is not ByteLevel");
}

}  // namespace

TokenizerSpec parse_tokenizer_json(std::string_view text, const std::string& where) {
  const io::Json json = io::parse_json(text, where);
  const JsonField root = JsonField::root(json, where);
  TokenizerSpec spec;
  spec.where = where;
  const JsonField model = root.at("model");
  if (model.is_null()) model.refuse("a tokenizer.json with a model");
  // The small parts first: they tell another kind of tokenizer before its vocabulary is read.
  model_type(model);
  spec.normalizer = read_normalizer(root.at("normalizer"));
  spec.pre_tokenizer = read_pre_tokenizer(root.at("pre_tokenizer"));
  spec.decoder = read_decoder(root.at("decoder"));
  check_decoder(root.at("decoder"), spec);
  spec.model = read_model(model, spec.is_byte_level());
  spec.added_tokens = read_added_tokens(root.at("added_tokens"));
  read_post_processor(root.at("post_processor"), spec);
  check_template_ids(spec);
  return spec;
}

}  // namespace llm::text
