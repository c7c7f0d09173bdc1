#include "text/pipeline_json.h"

#include "llm/text/utf8.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Json sequence_json(const char* list, std::vector<Json> parts) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {list, std::move(parts)}};
}

JsonPattern read_pattern(const JsonField& json) {
  JsonPattern read;
  read.is_regex = !json.object().at("Regex").is_null();
  const JsonField text = json.at(read.is_regex ? "Regex" : "String");
  read.pattern = text.string();
  if (read.pattern.empty()) text.refuse("a pattern that is not empty");
  return read;
}

Json write_pattern(const std::string& pattern, bool is_regex) {
  return {{is_regex ? "Regex" : "String", pattern}};
}

std::string read_replacement(const JsonField& metaspace) {
  const JsonField json = metaspace.at("replacement");
  if (json.is_null()) return std::string(kSpaceMark);
  const std::string& text = json.string();
  if (text.empty() || text.size() != utf8_length(text[0])) json.refuse("one character");
  return text;
}

PrependScheme read_prepend_scheme(const JsonField& metaspace) {
  const JsonField scheme = metaspace.at("prepend_scheme");
  const bool prepends = metaspace.at("add_prefix_space").boolean_or(true);
  if (scheme.is_null()) return prepends ? PrependScheme::kAlways : PrependScheme::kNever;
  for (const PrependScheme known :
       {PrependScheme::kFirst, PrependScheme::kAlways, PrependScheme::kNever}) {
    if (scheme.string() != prepend_scheme_name(known)) continue;
    if (!prepends && known != PrependScheme::kNever)
      scheme.refuse("never, as add_prefix_space is false");
    return known;
  }
  scheme.refuse("first, always or never");
}

const char* prepend_scheme_name(PrependScheme scheme) {
  switch (scheme) {
    case PrependScheme::kFirst:
      return "first";
    case PrependScheme::kAlways:
      return "always";
    case PrependScheme::kNever:
      return "never";
  }
  return "?";
}

Json byte_level_json(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", false},
          {"use_regex", use_regex}};
}

}  // namespace llm::text
