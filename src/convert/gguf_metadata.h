// Tokenizer and sampling hints in GGUF's metadata.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "llm/convert/model_source.h"
#include "llm/io/gguf.h"
#include "llm/io/gguf_writer.h"
#include "llm/text/tokenizer.h"

namespace llm::convert {

// Throws: FormatError for a tokenizer of a kind we do not know, by name.
std::shared_ptr<const text::Tokenizer> read_gguf_tokenizer(const io::GgufFile& file);
// Returns what a person should know about it.
std::vector<std::string> add_gguf_tokenizer(const ModelSource& source, io::GgufMetadata& metadata);

// general.sampling.* and the ids that end a reply; all of generation_config.json where we wrote the
// file (`llmtrain.generation_config`). Logs what of it is ignored.
GenerationConfig read_gguf_generation(const io::GgufFile& file, const arch::ModelConfig& config,
                                      const OpenOptions& options);
void add_gguf_generation(const GenerationConfig& generation, io::GgufMetadata& metadata);

}  // namespace llm::convert
