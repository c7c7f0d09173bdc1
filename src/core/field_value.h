// The present value and the type name of a config field, for the visitors that describe configs.
#pragma once

#include <string>

#include "llm/core/config.h"

namespace llm::core {

ConfigNode field_value(const FieldRef& value);
std::string field_type(const FieldInfo& info, const FieldRef& value);  // "number or null"

}  // namespace llm::core
