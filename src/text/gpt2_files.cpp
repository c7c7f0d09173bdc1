#include "text/gpt2_files.h"

#include <fmt/format.h>

#include <unordered_map>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "text/json_fields.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

using Ids = std::unordered_map<std::string_view, int32_t>;

void read_encoder(const JsonField& root, BpeRules& rules, Ids& ids) {
  for (const auto& [piece, value] : root.object().value().items()) {
    const JsonField entry(value, root.where() + ": " + piece);
    const int64_t id = entry.integer();
    if (id < 0 || id > kMaxTokenId) entry.refuse(fmt::format("an id from 0 to {}", kMaxTokenId));
    if (piece.empty()) root.refuse("pieces that are not empty");
    if (static_cast<size_t>(id) >= rules.pieces.size()) rules.pieces.resize(id + 1);
    if (!rules.pieces[id].empty()) entry.refuse("one piece per id");
    rules.pieces[id] = piece;
    ids.emplace(piece, static_cast<int32_t>(id));
  }
}

void read_merges(std::string_view text, const std::string& name, const Ids& ids, BpeRules& rules) {
  uint64_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    const auto refuse = [&](const char* expected) {
      throw core::FormatError(
          {fmt::format("{}:{}", name, line_number), expected, "'" + std::string(line) + "'",
           "The two files do not belong together, or one is damaged; fetch both again"});
    };
    const size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos) refuse("\"left right\"");
    const std::string joined = std::string(line.substr(0, space)).append(line.substr(space + 1));
    const auto left = ids.find(line.substr(0, space));
    const auto right = ids.find(line.substr(space + 1));
    const auto merged = ids.find(joined);
    if (left == ids.end() || right == ids.end() || merged == ids.end())
      refuse("pieces of the vocabulary");
    rules.merges.emplace_back(left->second, right->second);
    rules.merged.push_back(merged->second);
  }
}

}  // namespace

TokenizerSpec parse_gpt2_files(std::string_view encoder, const std::string& encoder_name,
                               std::string_view merges, const std::string& merges_name) {
  TokenizerSpec spec;
  spec.where = encoder_name;
  spec.pre_tokenizer = steps_named("gpt2");
  spec.decoder = {decoder_step(DecoderStep::Kind::kByteLevel)};
  BpeRules& rules = spec.model.emplace<BpeRules>();
  const io::Json json = io::parse_json(encoder, encoder_name);
  Ids ids;
  read_encoder(JsonField::root(json, encoder_name), rules, ids);
  read_merges(merges, merges_name, ids, rules);
  if (const auto end = ids.find(kEndOfText); end != ids.end()) {
    AddedToken token;
    token.content = kEndOfText;
    token.id = end->second;
    spec.added_tokens.push_back(token);
  }
  return spec;
}

}  // namespace llm::text
