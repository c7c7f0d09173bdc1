#include <cstdint>

#include "text/pipeline_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;

void read_template(const JsonField& json, TokenizerSpec& spec) {
  const JsonField single = json.at("single").array();
  const JsonField specials = json.at("special_tokens");
  bool after_text = false;
  for (size_t i = 0; i < single.size(); ++i) {
    const JsonField part = single.item(i).object();
    if (!part.at("Sequence").is_null()) {
      if (after_text) part.refuse("the text once");
      after_text = true;
      continue;
    }
    const JsonField ids = specials.at(part.at("SpecialToken").at("id").string()).at("ids").array();
    auto& target = after_text ? spec.suffix_ids : spec.prefix_ids;
    for (size_t k = 0; k < ids.size(); ++k) {
      const int64_t id = ids.item(k).integer();
      if (id < 0 || id > INT32_MAX) ids.item(k).refuse("an id");
      target.push_back(static_cast<int32_t>(id));
    }
  }
  if (!after_text) single.refuse("a Sequence entry for the text");
}

std::string token_content(const TokenizerSpec& spec, int32_t id) {
  for (const AddedToken& token : spec.added_tokens)
    if (token.id == id) return token.content;
  return spec.rules().pieces.at(id);
}

}  // namespace

void read_post_processor(const JsonField& json, TokenizerSpec& spec) {
  bool seen = false;
  for_each_part(json, "processors", [&](const JsonField& part) {
    const std::string& type = part.at("type").string();
    if (type == "ByteLevel") return;  // changes offsets only
    if (type != "TemplateProcessing")
      part.at("type").refuse(
          "a supported post-processor (ByteLevel, TemplateProcessing, Sequence)");
    if (seen) part.refuse("one TemplateProcessing");
    seen = true;
    read_template(part, spec);
  });
}

Json write_post_processor(const TokenizerSpec& spec) {
  if (spec.prefix_ids.empty() && spec.suffix_ids.empty())
    return spec.is_byte_level() ? byte_level_json(false, false) : Json(nullptr);
  Json specials = Json::object();
  const auto entries = [&](const std::vector<int32_t>& ids, int type_id) {
    Json list = Json::array();
    for (const int32_t id : ids) {
      const std::string content = token_content(spec, id);
      list.push_back({{"SpecialToken", {{"id", content}, {"type_id", type_id}}}});
      specials[content] = {{"id", content}, {"ids", {id}}, {"tokens", {content}}};
    }
    return list;
  };
  const auto around = [&](const char* name, int type_id) {
    Json list = entries(spec.prefix_ids, type_id);
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type_id}}}});
    for (Json& entry : entries(spec.suffix_ids, type_id)) list.push_back(entry);
    return list;
  };
  const Json single = around("A", 0);
  Json pair = single;
  for (const Json& entry : around("B", 1)) pair.push_back(entry);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", specials}};
}

}  // namespace llm::text
