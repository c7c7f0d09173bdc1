#include <fmt/format.h>

#include <memory>

#include "llm/convert/gguf_file.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llmconvert/commands.h"

namespace llm::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExportExamples =
    "  llmconvert export --model runs/mine --to gguf --dtype q8_0 --out mine-q8_0.gguf\n"
    "  llmconvert export --model models/qwen --to gguf --dtype q4_k_m --out qwen-q4_k_m.gguf\n"
    "  llmconvert export --model runs/mine --to hf --dtype bf16 --shard-size 5GB --out mine-bf16";

struct ExportCommand {
  convert::Conversion conversion;
  std::string from, out, to, dtype;
  uint64_t shard_bytes = uint64_t{5} << 30;
};

std::string default_dtype(const std::string& to) { return to == "gguf" ? "f16" : "bf16"; }

convert::GgufFileType gguf_type(const std::string& dtype) {
  if (const auto type = convert::find_file_type(dtype)) return *type;
  throw core::ConfigError(
      {.where = "--dtype",
       .expected = fmt::format("{} for --to gguf", fmt::join(convert::file_type_names(), ", ")),
       .got = dtype,
       .hint = ""});
}

at::ScalarType hf_dtype(const std::string& dtype) {
  if (dtype == "f32") return at::kFloat;
  if (dtype == "bf16") return at::kBFloat16;
  if (dtype == "f16") return at::kHalf;
  throw core::ConfigError({.where = "--dtype",
                           .expected = "f32, bf16 or f16 for --to hf",
                           .got = dtype,
                           .hint = "Quantised types need --to gguf."});
}

void export_gguf(const ExportCommand& command, const convert::Conversion& conversion,
                 const GlobalOptions& global) {
  const convert::GgufOptions options{.type = gguf_type(command.dtype),
                                     .name = fs::path(command.out).stem().string()};
  convert_and_report(
      "exported", conversion,
      [&](const convert::ModelSource& source, const fs::path& out) {
        for (const std::string& warning : convert::gguf_warnings(source))
          core::log_warn("{}", warning);
        convert::write_gguf(source, out, options);
      },
      global);
}

void run_export(ExportCommand command, const GlobalOptions& global) {
  if (command.dtype.empty()) command.dtype = default_dtype(command.to);
  convert::Conversion conversion = command.conversion;
  conversion.from = command.from;
  conversion.out = command.out;
  if (command.to == "gguf") {
    conversion.to = convert::ModelFormat::kGguf;
    return export_gguf(command, conversion, global);
  }
  const convert::HuggingFaceOptions options{
      .dtype = hf_dtype(command.dtype),
      .max_shard_bytes = static_cast<int64_t>(command.shard_bytes)};
  convert_and_report(
      "exported", conversion,
      [&](const convert::ModelSource& source, const fs::path& out) {
        convert::write_hugging_face(source, out, options);
      },
      global);
}

}  // namespace

void add_export_command(Program& program) {
  const auto command = std::make_shared<ExportCommand>();
  CLI::App& app = program.add_command(
      "export", "A model for other programs, checked by verify before it takes its name",
      kExportExamples, [command](const GlobalOptions& global) { run_export(*command, global); });
  app.add_option("--model,-m", command->from, "model, checkpoint or run directory, or GGUF file")
      ->required();
  app.add_option("--to", command->to, "gguf: one file for llama.cpp; hf: a Hugging Face directory")
      ->check(CLI::IsMember({"gguf", "hf"}))
      ->type_name("FORMAT")
      ->required();
  app.add_option("--dtype", command->dtype,
                 "gguf: f32 f16 bf16 q8_0 q6_k q5_k_m q4_k_m q4_0 (default f16); hf: f32 bf16 f16 "
                 "(default bf16)")
      ->type_name("NAME");
  app.add_option("--shard-size", command->shard_bytes, "hf: largest weight file, such as 5GB")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  app.add_option("--out", command->out, "file or directory to make")->required();
  app.add_flag("--force", command->conversion.force, "replace an existing model");
}

}  // namespace llm::apps
