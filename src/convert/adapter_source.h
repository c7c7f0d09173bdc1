// An adapter directory as a ModelSource: the merged model.
#pragma once

#include <filesystem>

#include "llm/convert/model_source.h"

namespace llm::convert {

// Tokenizer, template and generation settings are the adapter directory's where it has them, else
// the base's. Throws: as open_model.
ModelSource open_adapter(const std::filesystem::path& directory, const OpenOptions& options);

}  // namespace llm::convert
