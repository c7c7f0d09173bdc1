#include "text/tokenizer_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "llm/io/file.h"
#include "text/json_fields.h"
#include "text/sentencepiece_spec.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;

// Our own key of tokenizer_config.json: the file to read the tokenizer from.
constexpr const char* kExactFile = "llmtrain_tokenizer_file";
constexpr const char* kModelFile = "tokenizer.model";

// A token is written as its text or as an object with the text in "content".
std::optional<std::string> token_text(const JsonField& json) {
  if (json.is_null()) return std::nullopt;
  return json.is_object() ? json.at("content").string() : json.string();
}

std::string template_text(const JsonField& json) {
  if (json.is_null()) return "";
  if (!json.is_array()) return json.string();
  for (size_t i = 0; i < json.size(); ++i)
    if (json.item(i).at("name").string() == "default") return json.item(i).at("template").string();
  return "";
}

int32_t parse_id(const JsonField& json, const std::string& digits) {
  int64_t id = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9' || id > kMaxTokenId) json.refuse("ids as keys, not " + digits);
    id = id * 10 + (digit - '0');
  }
  if (digits.empty() || id > kMaxTokenId) json.refuse("ids as keys, not " + digits);
  return static_cast<int32_t>(id);
}

void add_missing_tokens(const JsonField& decoder, TokenizerSpec& spec) {
  if (decoder.is_null()) return;
  for (const auto& [key, value] : decoder.object().value().items()) {
    const JsonField entry(value, decoder.where() + "." + key);
    const int32_t id = parse_id(decoder, key);
    if (std::ranges::find(spec.added_tokens, id, &AddedToken::id) != spec.added_tokens.end())
      continue;
    AddedToken token;
    token.id = id;
    token.content = entry.at("content").string();
    if (token.content.empty()) entry.at("content").refuse("text that is not empty");
    token.special = entry.at("special").boolean_or(false);
    token.single_word = entry.at("single_word").boolean_or(false);
    token.lstrip = entry.at("lstrip").boolean_or(false);
    token.rstrip = entry.at("rstrip").boolean_or(false);
    token.normalized = entry.at("normalized").boolean_or(!token.special);
    spec.added_tokens.push_back(std::move(token));
  }
  std::ranges::sort(spec.added_tokens, {}, &AddedToken::id);
}

void read_added_ends(const JsonField& root, TokenizerSpec& spec) {
  const auto set = [&](const char* key, const std::optional<std::string>& role,
                       std::vector<int32_t>& ids) {
    if (!root.at(key).boolean_or(!ids.empty())) {
      ids.clear();
    } else if (role) {
      for (const AddedToken& token : spec.added_tokens)
        if (token.content == *role) ids = {token.id};
    }
  };
  set("add_bos_token", spec.roles.bos, spec.prefix_ids);
  set("add_eos_token", spec.roles.eos, spec.suffix_ids);
}

void read_config(const fs::path& path, TokenizerSpec& spec) {
  const io::Json json = io::read_json_file(path);
  const JsonField root = JsonField::root(json, path.string());
  TokenRoles& roles = spec.roles;
  for (const auto& [key, role] : {std::pair("bos_token", &roles.bos),
                                  {"eos_token", &roles.eos},
                                  {"pad_token", &roles.pad},
                                  {"unk_token", &roles.unk}})
    if (json.contains(key)) *role = token_text(root.at(key));
  roles.chat_template = template_text(root.at("chat_template"));
  add_missing_tokens(root.at("added_tokens_decoder"), spec);
  for (const auto& [key, value] : json.items()) roles.rest[key] = value;
  for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token", "chat_template",
                          "added_tokens_decoder", kExactFile})
    roles.rest.erase(key);
  if (spec.is_sentencepiece()) read_added_ends(root, spec);
}

std::string content_of(const TokenizerSpec& spec, int64_t id) {
  for (const AddedToken& token : spec.added_tokens)
    if (token.id == id) return token.content;
  const auto& pieces = spec.rules().pieces;
  return id >= 0 && id < static_cast<int64_t>(pieces.size()) ? pieces[id] : "";
}

std::vector<int32_t> id_list(const JsonField& json) {
  std::vector<int32_t> ids;
  if (json.is_null()) return ids;
  const auto add = [&](const JsonField& entry) {
    const int64_t id = entry.integer();
    if (id >= 0 && id <= kMaxTokenId) ids.push_back(static_cast<int32_t>(id));
  };
  if (!json.is_array()) {
    add(json);
  } else {
    for (size_t i = 0; i < json.size(); ++i) add(json.item(i));
  }
  return ids;
}

void read_generation_config(const fs::path& path, TokenizerSpec& spec) {
  const io::Json json = io::read_json_file(path);
  const JsonField root = JsonField::root(json, path.string());
  TokenRoles& roles = spec.roles;
  roles.generation_eos = id_list(root.at("eos_token_id"));
  if (roles.eos || roles.generation_eos.empty()) return;
  if (const std::string eos = content_of(spec, roles.generation_eos[0]); !eos.empty())
    roles.eos = eos;
}

}  // namespace

void read_token_roles(const fs::path& directory, TokenizerSpec& spec) {
  const auto config = directory / "tokenizer_config.json";
  const auto jinja = directory / "chat_template.jinja";
  const auto generation = directory / "generation_config.json";
  if (fs::exists(config)) read_config(config, spec);
  if (fs::exists(jinja)) spec.roles.chat_template = io::read_file(jinja);
  if (fs::exists(generation)) read_generation_config(generation, spec);
  if (spec.roles.eos) return;
  for (const AddedToken& token : spec.added_tokens)
    if (token.special && token.content == kEndOfText) spec.roles.eos = token.content;
}

bool prefers_sentencepiece(const fs::path& directory) {
  const auto path = directory / "tokenizer_config.json";
  if (!fs::exists(path)) return false;
  const io::Json json = io::read_json_file(path);
  return json.is_object() && json.value(kExactFile, io::Json()) == kModelFile;
}

std::string write_tokenizer_config(const TokenizerSpec& spec) {
  nlohmann::ordered_json json = spec.roles.rest;
  const auto set = [&](const char* key, const std::optional<std::string>& value) {
    json[key] = value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  if (!json.contains("tokenizer_class")) json["tokenizer_class"] = "PreTrainedTokenizerFast";
  if (!json.contains("clean_up_tokenization_spaces")) json["clean_up_tokenization_spaces"] = false;
  if (spec.is_sentencepiece()) {
    json[kExactFile] = kModelFile;
    json["add_bos_token"] = !spec.prefix_ids.empty();
    json["add_eos_token"] = !spec.suffix_ids.empty();
  }
  set("bos_token", spec.roles.bos);
  set("eos_token", spec.roles.eos);
  set("pad_token", spec.roles.pad);
  set("unk_token", spec.roles.unk);
  if (!spec.roles.chat_template.empty()) json["chat_template"] = spec.roles.chat_template;
  auto& decoder = json["added_tokens_decoder"] = nlohmann::ordered_json::object();
  const auto added =
      spec.is_sentencepiece() ? as_hugging_face(spec).added_tokens : spec.added_tokens;
  for (const AddedToken& token : added)
    decoder[std::to_string(token.id)] = {
        {"content", token.content},         {"lstrip", token.lstrip},
        {"normalized", token.normalized},   {"rstrip", token.rstrip},
        {"single_word", token.single_word}, {"special", token.special}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace llm::text
