// generation_config.json: how a model wants to be sampled (transformers' GenerationConfig).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/io/json.h"

namespace llm::convert {

inline constexpr const char* kGenerationConfigName = "generation_config.json";

// Absent keys are empty.
struct GenerationConfig {
  std::vector<int64_t> eos_token_ids;  // a number or a list in the file
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<int64_t> top_k, max_new_tokens;
  std::optional<bool> do_sample;
  // Keys we do not use: kept and written back (design section 1.8).
  io::OrderedJson inert = io::OrderedJson::object();

  bool empty() const;
};

// `where` names the file in messages. null counts as absent. The file holds hints, so a value that
// no model can be sampled with, and an id outside [0, vocab_size), counts as absent too; `ignored`
// gets a line for each: "temperature: expected a number >= 0, got -1". Throws: FormatError for a
// value of the wrong type, naming the key.
GenerationConfig parse_generation_config(const io::OrderedJson& json, const std::string& where,
                                         int64_t vocab_size, std::vector<std::string>& ignored);
io::OrderedJson to_json(const GenerationConfig& config);

// The directory's generation_config.json; an empty one when there is none. Throws: as parse and
// io::read_ordered_json_file.
GenerationConfig read_generation_config(const std::filesystem::path& directory, int64_t vocab_size,
                                        std::vector<std::string>& ignored);

}  // namespace llm::convert
