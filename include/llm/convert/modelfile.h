// The Modelfile that makes a GGUF file a model of Ollama: FROM, TEMPLATE, SYSTEM, PARAMETER
// (docs/formats.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "llm/convert/model_source.h"

namespace llm::convert {

// "models/mine-q8_0.gguf" -> "models/mine-q8_0.Modelfile", so that several GGUF files of a folder
// can have one each.
std::filesystem::path modelfile_path(const std::filesystem::path& gguf);

struct Modelfile {
  std::string text;
  std::vector<std::string> warnings;  // what Ollama will do otherwise than the model's template
};
// TEMPLATE is a Go template that writes the same text as the model's chat template, which is found
// by rendering it; without one where there is no such Go template. Requires: a tokenizer for stop
// tokens; without one there are none.
Modelfile make_modelfile(const ModelSource& source, const std::string& gguf_name);

}  // namespace llm::convert
