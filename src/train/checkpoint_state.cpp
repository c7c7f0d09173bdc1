#include <fmt/format.h>

#include <ATen/core/grad_mode.h>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"
#include "llm/io/safetensors_parts.h"
#include "llm/tensor/device.h"
#include "llm/train/checkpoint.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

fs::path optimizer_path(const fs::path& directory) {
  return directory / "trainer" / "optimizer-00000-of-00001.safetensors";
}
fs::path state_path(const fs::path& directory) { return directory / "trainer" / "state.json"; }

struct Moment {
  const char* name;
  at::Tensor flat;  // [what the store has moments of]
};

std::vector<Moment> moments(const tensor::ParameterStore& store) {
  return {{"exp_avg", store.flat_exp_avg()}, {"exp_avg_sq", store.flat_exp_avg_sq()}};
}

std::string entry_name(const Moment& moment, const tensor::ParameterRange& range) {
  return fmt::format("{}|{}|0:{}", moment.name, range.spec.name, range.numel);
}

io::OrderedJson optional_json(const std::optional<double>& value) {
  return value ? io::OrderedJson(*value) : io::OrderedJson();
}

std::optional<double> optional_number(const io::OrderedJson& json, const char* key) {
  const io::OrderedJson& value = json.at(key);
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

}  // namespace

void create_optimizer_file(const fs::path& directory, const tensor::ParameterStore& store) {
  std::vector<io::TensorEntry> entries;
  for (const Moment& moment : moments(store)) {
    for (const auto& range : store.parameters())
      entries.push_back({entry_name(moment, range), io::TensorDtype::kF32, {range.numel}});
  }
  io::create_safetensors(optimizer_path(directory), std::move(entries));
}

void write_optimizer(const fs::path& directory, const tensor::ParameterStore& store) {
  io::SafetensorsParts file(optimizer_path(directory));
  for (const Moment& moment : moments(store)) {
    for (const auto& range : store.parameters()) {
      const auto write = [&](const tensor::ArenaRange& part, int64_t begin) {
        const at::Tensor host = moment.flat.narrow(0, begin, part.numel).cpu().contiguous();
        file.write(entry_name(moment, range),
                   static_cast<uint64_t>(part.offset - range.offset) * sizeof(float),
                   {static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()});
      };
      store.for_each_with_moments({range.offset, range.numel}, write);
    }
  }
  file.sync();
}

void load_optimizer(const fs::path& directory, tensor::ParameterStore& store) {
  const at::NoGradGuard no_grad;
  const fs::path path = optimizer_path(directory);
  const io::SafetensorsFile file(path);
  size_t used = 0;
  for (const Moment& moment : moments(store)) {
    for (const auto& range : store.parameters()) {
      const std::string name = entry_name(moment, range);
      const io::TensorEntry* entry = file.find(name);
      if (entry == nullptr || entry->dtype != io::TensorDtype::kF32 ||
          entry->shape != std::vector<int64_t>{range.numel}) {
        throw core::FormatError({path.string(), "an F32 vector " + name,
                                 entry == nullptr ? "none" : "another type or length",
                                 "The checkpoint was written for another model; resume another one "
                                 "or start with --resume never"});
      }
      const at::Tensor whole = tensor::view_of(file, *entry);
      const auto read = [&](const tensor::ArenaRange& part, int64_t begin) {
        moment.flat.narrow(0, begin, part.numel)
            .copy_(whole.narrow(0, part.offset - range.offset, part.numel));
      };
      store.for_each_with_moments({range.offset, range.numel}, read);
      ++used;
    }
  }
  if (used != file.entries().size()) {
    throw core::FormatError({path.string(), fmt::format("{} vectors", used),
                             fmt::format("{}", file.entries().size()),
                             "The checkpoint was written for another model"});
  }
}

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
  json["num_threads"] = state.num_threads;
  json["world_size"] = state.world_size;
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
    state.num_threads = json.at("num_threads").get<int64_t>();
    state.world_size = json.value("world_size", int64_t{1});
    saved.config = io::to_config_node(json.at("config"), path.string());
  } catch (const io::OrderedJson::exception& problem) {
    throw core::FormatError(
        {path.string(), "a trainer state", problem.what(), "Resume from another checkpoint"});
  }
  return saved;
}

}  // namespace llm::train
