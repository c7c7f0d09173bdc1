#include <map>
#include <memory>

#include "common/validators.h"
#include "llmconvert/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kImportExamples =
    "  llmconvert import --from downloads/Qwen2.5-0.5B --out models/qwen\n"
    "  llmconvert import --from SmolLM2-135M-Instruct.Q4_1.gguf --out models/smollm2\n"
    "  llmconvert import --from hf --out small --dtype bf16 --force";

const std::map<std::string, at::ScalarType> kImportDtypes = {
    {"f32", at::kFloat}, {"bf16", at::kBFloat16}, {"f16", at::kHalf}};

struct ImportCommand {
  convert::Conversion conversion;
  std::string from, out;
  std::string dtype;
  std::vector<double> rope_scaling;  // factor, low, high, original length
};

void run_import(const ImportCommand& command, const GlobalOptions& global) {
  convert::Conversion conversion = command.conversion;
  conversion.from = command.from;
  conversion.out = command.out;
  if (const std::vector<double>& given = command.rope_scaling; !given.empty()) {
    conversion.open.rope_scaling = {
        .factor = given[0],
        .low_freq_factor = given[1],
        .high_freq_factor = given[2],
        .original_max_position_embeddings = static_cast<int64_t>(given[3])};
  }
  convert::HuggingFaceOptions options;
  if (!command.dtype.empty()) options.dtype = kImportDtypes.at(command.dtype);
  convert_and_report(
      {.verb = "imported",
       .conversion = conversion,
       .write =
           [&](const convert::ModelSource& source, const std::filesystem::path& out) {
             convert::write_hugging_face(source, out, options);
           }},
      global);
}

}  // namespace

void add_import_command(Program& program) {
  const auto command = std::make_shared<ImportCommand>();
  CLI::App& app = program.add_command(
      "import", "A model of another format to a Hugging Face directory, checked by verify",
      kImportExamples, [command](const GlobalOptions& global) { run_import(*command, global); });
  app.add_option(
         "--from", command->from,
         "Hugging Face directory, GGUF file, or llama2.c's .bin with its tokenizer beside it")
      ->required();
  app.add_option("--out", command->out, "directory to make")->required();
  app.add_option("--dtype", command->dtype,
                 "f32, bf16 or f16; without it the source's, f32 for quantised ones")
      ->check(one_of(kImportDtypes))
      ->type_name("NAME");
  app.add_option("--rope-scaling", command->rope_scaling,
                 "of a GGUF file whose Llama 3 scaling is no published one: "
                 "factor,low_freq_factor,high_freq_factor,original_length")
      ->delimiter(',')
      ->expected(4)
      ->type_name("NUMBERS");
  app.add_flag("--force", command->conversion.force, "replace an existing model directory");
  app.add_flag("--strict", command->conversion.open.strict,
               "unknown keys in config.json are errors");
}

}  // namespace llm::apps
