// The key lists of config.json, by architecture: used, inert, supported at one value only. What is
// in none of them is unknown.
#pragma once

#include <string>

#include "llm/arch/model_config.h"

namespace llm::arch {

enum class KeyUse { kUsed, kInert, kFixed, kUnknown };

struct KeyRule {
  const char* key;
  KeyUse use;
  // kFixed: a JSON array of the accepted values, all meaning the same as an absent key.
  const char* accepted = "";
  const char* reason = "";  // kFixed: why no other value is accepted
};

// Never null: an unknown key gets a rule of kUnknown.
const KeyRule& find_key_rule(Architecture architecture, const std::string& key);

// Whether `value` is one a kFixed rule accepts. A list is accepted when every entry is.
bool is_accepted(const KeyRule& rule, const io::OrderedJson& value);

}  // namespace llm::arch
