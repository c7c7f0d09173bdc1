#include "text/model_json.h"
#include "text/pipeline_json.h"
#include "text/sentencepiece_spec.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;

Json added_token_json(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

}  // namespace

std::string write_tokenizer_json(const TokenizerSpec& given) {
  const TokenizerSpec spec = given.is_sentencepiece() ? as_hugging_face(given) : given;
  Json added = Json::array();
  for (const AddedToken& token : spec.added_tokens) added.push_back(added_token_json(token));
  std::string out = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null";
  const auto part = [&](const char* name, const Json& json) {
    out.append(",\n  \"").append(name).append("\": ");
    out.append(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  part("added_tokens", added);
  part("normalizer", write_normalizer(spec));
  part("pre_tokenizer", write_pre_tokenizer(spec));
  part("post_processor", write_post_processor(spec));
  part("decoder", write_decoder(spec));
  out += ",\n  \"model\": ";
  out += write_model(spec.model);
  out += "\n}\n";
  return out;
}

}  // namespace llm::text
