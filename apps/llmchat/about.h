// A loaded model in words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "llm/convert/model_directory.h"

namespace llm::apps {

// Rows of /show: model, architecture, weights.
std::vector<std::pair<std::string, std::string>> about_model(const convert::LoadedModel& model);

}  // namespace llm::apps
