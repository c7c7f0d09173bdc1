#include <fmt/format.h>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"
#include "llm/train/checkpoint.h"
#include "train/skip_log.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

fs::path state_path(const fs::path& directory) { return directory / "trainer" / "state.json"; }

io::OrderedJson optional_json(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

std::optional<double> optional_number(const io::OrderedJson& json, const char* key) {
  const io::OrderedJson& value = json.at(key);
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

}  // namespace

void save_state(const fs::path& directory, const TrainerState& state,
                const core::ConfigNode& config) {
  io::OrderedJson json;
  json["version"] = 1;
  json["step"] = state.step;
  json["tokens"] = state.tokens;
  json["next_row"] = state.next_row;
  json["seconds"] = state.seconds;
  json["best_eval"] = optional_json(state.best_eval);
  json["best_step"] = state.best_step;
  json["evals_without_progress"] = state.evals_without_progress;
  json["first_eval"] = state.first_eval;
  json["last_perplexity"] = optional_json(state.last_perplexity);
  json["tokenizer_fingerprint"] = io::hex64(state.tokenizer_fingerprint);
  json["data_fingerprint"] = io::hex64(state.data_fingerprint);
  json["execution"] = state.execution;
  json["is_reordered"] = state.is_reordered;
  json["first_optimizer_step"] = state.first_optimizer_step;
  json["recent_losses"] = state.recent_losses;
  json["skipped"] = skipped_to_json(state.skipped);
  json["config"] = io::to_json(config);
  io::write_file_atomically(state_path(directory), json.dump(2) + "\n");
}

SavedState load_state(const fs::path& directory) {
  const fs::path path = state_path(directory);
  const io::OrderedJson json = io::read_ordered_json_file(path);
  SavedState saved;
  try {
    TrainerState& state = saved.state;
    if (json.at("version").get<int>() != 1) {
      throw core::FormatError({path.string(), "version 1", json.at("version").dump(),
                               "Use the llmtrain that wrote it"});
    }
    state.step = json.at("step").get<int64_t>();
    state.tokens = json.at("tokens").get<int64_t>();
    state.next_row = json.at("next_row").get<int64_t>();
    state.seconds = json.at("seconds").get<double>();
    state.best_eval = optional_number(json, "best_eval");
    state.first_eval = json.at("first_eval").get<std::map<std::string, double>>();
    state.last_perplexity = optional_number(json, "last_perplexity");
    state.best_step = json.at("best_step").get<int64_t>();
    state.evals_without_progress = json.at("evals_without_progress").get<int64_t>();
    state.tokenizer_fingerprint =
        io::parse_hex64(json.at("tokenizer_fingerprint").get<std::string>(), path.string());
    state.data_fingerprint =
        io::parse_hex64(json.at("data_fingerprint").get<std::string>(), path.string());
    state.execution = json.value("execution", Execution{});
    state.is_reordered = json.value("is_reordered", false);
    state.first_optimizer_step = json.value("first_optimizer_step", int64_t{0});
    state.recent_losses = json.value("recent_losses", std::vector<double>{});
    state.skipped = skipped_from_json(json.value("skipped", io::OrderedJson::array()));
    saved.config = io::to_config_node(json.at("config"), path.string());
  } catch (const io::OrderedJson::exception& problem) {
    throw core::FormatError(
        {path.string(), "a trainer state", problem.what(), "Resume from another checkpoint"});
  }
  return saved;
}

}  // namespace llm::train
