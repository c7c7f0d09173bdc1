#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <memory>

#include "common/validators.h"
#include "llm/convert/gguf_file.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/modelfile.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llmconvert/commands.h"
#include "llmconvert/lora_report.h"

namespace llm::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExportExamples =
    "  llmconvert export --model runs/mine --to gguf --dtype q8_0 --out mine-q8_0.gguf\n"
    "  llmconvert export --model models/qwen --to gguf --dtype q4_k_m --out qwen-q4_k_m.gguf\n"
    "  llmconvert export --model runs/mine --to hf --dtype bf16 --shard-size 5GB --out mine-bf16\n"
    "  llmconvert export --model runs/tuned --to peft --out tuned-adapter";

constexpr const char* kMergeExamples =
    "  llmconvert merge --model tuned-adapter --out tuned\n"
    "  llmconvert merge --model downloads/lora --base models/qwen --dtype f32 --out tuned\n"
    "  llmconvert merge --model tuned-adapter --to gguf --dtype q4_k_m --out tuned-q4_k_m.gguf";

std::string lower(std::string text) {
  for (char& letter : text) letter = static_cast<char>(std::tolower(letter));
  return text;
}

convert::GgufFileType gguf_type(const std::string& dtype) {
  if (const auto type = convert::find_file_type(dtype)) return *type;
  throw core::ConfigError(
      {.where = "--dtype",
       .expected = fmt::format("{} for --to gguf", fmt::join(convert::file_type_names(), ", ")),
       .got = dtype,
       .hint = ""});
}

at::ScalarType float_dtype(const std::string& dtype, const std::string& to) {
  if (dtype == "f32") return at::kFloat;
  if (dtype == "bf16") return at::kBFloat16;
  if (dtype == "f16") return at::kHalf;
  throw core::ConfigError({.where = "--dtype",
                           .expected = "f32, bf16 or f16 for --to " + to,
                           .got = dtype,
                           .hint = "Quantised types need --to gguf."});
}

// What export and merge are asked for.
struct ExportRequest {
  convert::Conversion conversion;
  std::string to;            // "gguf", "hf", "peft"
  std::string dtype;         // as --dtype; "": the default
  uint64_t shard_bytes = 0;  // 0: not asked for
  bool is_merge = false;     // the source must be an adapter; the default dtype is the base's
};

core::ConfigError no_adapter(const fs::path& path, const std::string& hint) {
  return core::ConfigError({.where = "--model",
                            .expected = "an adapter directory (adapter_config.json and "
                                        "adapter_model.safetensors)",
                            .got = path.string() + ", a whole model",
                            .hint = hint});
}

// What is said of an adapter, once it was opened for the export.
struct MergeNotes {
  std::vector<convert::LoraChange> changes;
  std::vector<std::string> warnings;
  std::optional<convert::Modelfile> modelfile;
};

void note_adapter(const convert::ModelSource& source, bool is_merge, MergeNotes& notes) {
  if (is_merge && !source.adapter)
    throw no_adapter(source.path, "A whole model has nothing to merge: llmconvert export.");
  if (source.adapter) notes.changes = convert::lora_changes(*source.adapter);
}

ReportExtras extras_of(const MergeNotes& notes) {
  ReportExtras extras;
  if (!notes.changes.empty()) extras = lora_report(notes.changes);
  return extras;
}

void require_free_modelfile(const convert::Conversion& conversion, const fs::path& modelfile) {
  if (modelfile == conversion.out)
    throw core::ConfigError({"--out", "a name that ends in .gguf", modelfile.string(), ""});
  if (!fs::exists(modelfile) || conversion.force) return;
  throw core::ConfigError({.where = "--out",
                           .expected = "a name whose Modelfile does not exist yet",
                           .got = modelfile.string() + ", which exists",
                           .hint = "Choose a new name, or replace it with --force."});
}

void run_gguf_export(const ExportRequest& request, const GlobalOptions& global) {
  const fs::path out = request.conversion.out;
  require_free_modelfile(request.conversion, convert::modelfile_path(out));
  const convert::GgufOptions options{
      .type = gguf_type(request.dtype.empty() ? "f16" : request.dtype),
      .name = out.stem().string()};
  MergeNotes notes;
  const auto write = [&](const convert::ModelSource& source, const fs::path& partial) {
    note_adapter(source, request.is_merge, notes);
    notes.warnings = convert::write_gguf(source, partial, options);
    notes.modelfile = convert::make_modelfile(source, out.filename().string());
  };
  const auto finish = [&](const convert::ConversionResult& result) {
    const fs::path modelfile = convert::modelfile_path(result.path);
    io::write_file_atomically(modelfile, notes.modelfile->text);
    for (const std::string& warning : notes.warnings) core::log_warn("{}", warning);
    for (const std::string& warning : notes.modelfile->warnings) core::log_warn("{}", warning);
    ReportExtras extras = extras_of(notes);
    extras.text += "with " + modelfile.string() + " beside it, for Ollama\n";
    extras.json["modelfile"] = modelfile.string();
    return extras;
  };
  convert_and_report({.verb = request.is_merge ? "merged" : "exported",
                      .conversion = request.conversion,
                      .write = write,
                      .finish = finish},
                     global);
}

void run_hf_export(const ExportRequest& request, const GlobalOptions& global) {
  MergeNotes notes;
  convert::HuggingFaceOptions options;
  if (request.shard_bytes > 0) options.max_shard_bytes = static_cast<int64_t>(request.shard_bytes);
  if (!request.dtype.empty()) options.dtype = float_dtype(request.dtype, "hf");
  const auto write = [&](const convert::ModelSource& source, const fs::path& partial) {
    note_adapter(source, request.is_merge, notes);
    if (!options.dtype)
      options.dtype = request.is_merge ? source.adapter->base_dtype() : at::kBFloat16;
    convert::write_hugging_face(source, partial, options);
  };
  convert_and_report({.verb = request.is_merge ? "merged" : "exported",
                      .conversion = request.conversion,
                      .write = write,
                      .finish = [&](const convert::ConversionResult&) { return extras_of(notes); }},
                     global);
}

void run_peft_export(const ExportRequest& request, const GlobalOptions& global) {
  convert::AdapterOptions options;
  if (!request.dtype.empty()) options.dtype = float_dtype(request.dtype, "peft");
  convert_and_report({.verb = "exported",
                      .conversion = request.conversion,
                      .write =
                          [&](const convert::ModelSource& source, const fs::path& partial) {
                            if (!source.adapter)
                              throw no_adapter(source.path,
                                               "Export a whole model with --to hf or --to gguf.");
                            convert::write_adapter(source, partial, options);
                          },
                      .verify = eval::verify_adapters},
                     global);
}

struct ExportCommand {
  ExportRequest request;
  std::string from, out, base;
};

void run_export(const ExportCommand& command, const GlobalOptions& global) {
  ExportRequest request = command.request;
  request.dtype = lower(request.dtype);  // llama.cpp writes Q4_K_M
  if (request.to != "hf" && request.shard_bytes > 0) {
    throw core::ConfigError({"--shard-size", "--to hf, whose weights may lie in several files",
                             "--to " + request.to, ""});
  }
  request.conversion.from = command.from;
  request.conversion.out = command.out;
  request.conversion.open.base = command.base;
  if (request.to == "gguf") {
    request.conversion.to = convert::ModelFormat::kGguf;
    return run_gguf_export(request, global);
  }
  if (request.to == "hf") return run_hf_export(request, global);
  request.conversion.to = convert::ModelFormat::kAdapter;
  run_peft_export(request, global);
}

void add_export_options(CLI::App& app, ExportCommand& command) {
  app.add_option("--base", command.base,
                 "of an adapter: the model that it is for, where its config does not lead to it");
  app.add_option("--shard-size", command.request.shard_bytes,
                 "hf: largest weight file, such as 5GB")
      ->transform(byte_size())
      ->type_name("SIZE");
  app.add_option("--out", command.out, "file or directory to make")->required();
  app.add_flag("--force", command.request.conversion.force,
               "replace an existing model, and the Modelfile beside it");
}

}  // namespace

void add_export_command(Program& program) {
  const auto command = std::make_shared<ExportCommand>();
  CLI::App& app = program.add_command(
      "export", "A model for other programs, checked by verify before it takes its name",
      kExportExamples, [command](const GlobalOptions& global) { run_export(*command, global); });
  app.add_option("--model,-m", command->from,
                 "model, adapter, checkpoint or run directory, or GGUF file")
      ->required();
  app.add_option("--to", command->request.to,
                 "gguf: one file for llama.cpp, with a Modelfile for Ollama; hf: a Hugging Face "
                 "directory; peft: an adapter alone. The first two merge an adapter")
      ->check(one_of({"gguf", "hf", "peft"}))
      ->type_name("FORMAT")
      ->required();
  app.add_option("--dtype", command->request.dtype,
                 "gguf: f32 f16 bf16 q8_0 q6_k q5_k_m q4_k_m q4_0 (default f16); hf: f32 bf16 f16 "
                 "(default bf16); peft: f32 bf16 f16 (default: as it is)")
      ->type_name("NAME");
  add_export_options(app, *command);
}

void add_merge_command(Program& program) {
  const auto command = std::make_shared<ExportCommand>();
  command->request.to = "hf";
  command->request.is_merge = true;
  CLI::App& app = program.add_command(
      "merge", "An adapter and its base as one model, checked by verify before it takes its name",
      kMergeExamples, [command](const GlobalOptions& global) { run_export(*command, global); });
  app.add_option("--model,-m", command->from, "adapter directory, or run of one")->required();
  app.add_option("--to", command->request.to,
                 "hf: a Hugging Face directory (default); gguf: one file for llama.cpp")
      ->check(one_of({"hf", "gguf"}))
      ->type_name("FORMAT");
  app.add_option("--dtype", command->request.dtype,
                 "hf: f32 bf16 f16 (default: the base's); gguf: as for export")
      ->type_name("NAME");
  add_export_options(app, *command);
}

}  // namespace llm::apps
