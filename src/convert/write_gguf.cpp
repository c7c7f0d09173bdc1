#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "convert/gguf_metadata.h"
#include "convert/gguf_types.h"
#include "convert/rotary_order.h"
#include "llm/arch/gguf.h"
#include "llm/convert/gguf_file.h"
#include "llm/core/check.h"

namespace llm::convert {
namespace {

constexpr std::array<std::pair<GgufFileType, const char*>, 8> kFileTypes = {
    {{GgufFileType::kF32, "f32"},
     {GgufFileType::kF16, "f16"},
     {GgufFileType::kBF16, "bf16"},
     {GgufFileType::kQ8_0, "q8_0"},
     {GgufFileType::kQ6_K, "q6_k"},
     {GgufFileType::kQ5_K_M, "q5_k_m"},
     {GgufFileType::kQ4_K_M, "q4_k_m"},
     {GgufFileType::kQ4_0, "q4_0"}}};
constexpr uint32_t kQuantizationVersion = 2;

// "135M", "1.2B".
std::string size_label(int64_t parameters) {
  const auto count = static_cast<double>(parameters);
  if (count >= 1e9) return fmt::format("{:.1f}B", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.0f}M", count / 1e6);
  return fmt::format("{:.0f}K", count / 1e3);
}

io::GgufMetadata metadata_of(const ModelSource& source, const GgufOptions& options,
                             std::vector<std::string>& warnings) {
  io::GgufMetadata metadata;
  metadata.set("general.architecture", arch::gguf_architecture(source.config.architecture));
  metadata.set("general.type", "model");
  if (!options.name.empty()) metadata.set("general.name", options.name);
  metadata.set("general.size_label", size_label(arch::num_parameters(source.config)));
  metadata.set("general.file_type", static_cast<uint32_t>(options.type));
  metadata.set("general.quantization_version", kQuantizationVersion);
  arch::add_gguf_metadata(source.config, metadata);
  add_gguf_generation(source.generation, metadata);
  warnings = add_gguf_tokenizer(source, metadata);
  return metadata;
}

// In Hugging Face's row order -> the file's, fp32.
at::Tensor rows_as_in_gguf(const ModelSource& source, const arch::ParameterSpec& spec) {
  const at::Tensor values = source.weights->read(spec.name).to(at::kFloat).contiguous();
  if (!arch::gguf_interleaves_rope(source.config.architecture)) return values;
  if (spec.name.find(".q_proj.") != std::string::npos)
    return to_interleaved(values, source.config.num_attention_heads);
  if (spec.name.find(".k_proj.") != std::string::npos)
    return to_interleaved(values, source.config.num_key_value_heads);
  return values;
}

std::vector<std::byte> encode(const at::Tensor& values, io::GgmlType type,
                              const std::string& name) {
  const io::QuantBlock& block = io::quant_block(type);
  std::vector<std::byte> bytes(io::quant_bytes(type, static_cast<uint64_t>(values.numel())));
  const float* in = values.const_data_ptr<float>();
  at::parallel_for(0, values.numel() / block.values, 1024, [&](int64_t begin, int64_t end) {
    const auto count = static_cast<size_t>(end - begin);
    io::quantize(type, {in + begin * block.values, count * static_cast<size_t>(block.values)},
                 std::span(bytes).subspan(static_cast<size_t>(begin * block.bytes),
                                          count * static_cast<size_t>(block.bytes)),
                 {.where = name, .first_value = static_cast<uint64_t>(begin * block.values)});
  });
  return bytes;
}

}  // namespace

const char* file_type_name(GgufFileType type) {
  for (const auto& [known, name] : kFileTypes)
    if (known == type) return name;
  LLM_CHECK(false, "file type {}", static_cast<int>(type));
  return "?";
}

std::optional<GgufFileType> find_file_type(std::string_view name) {
  for (const auto& [type, known] : kFileTypes)
    if (known == name) return type;
  return std::nullopt;
}

std::vector<std::string> file_type_names() {
  std::vector<std::string> names;
  for (const auto& [unused, name] : kFileTypes) names.emplace_back(name);
  return names;
}

std::vector<std::string> write_gguf(const ModelSource& source, const std::filesystem::path& out,
                                    const GgufOptions& options) {
  std::vector<std::string> warnings;
  std::vector<io::GgufTensor> tensors;
  const std::vector<arch::ParameterSpec> specs = arch::parameter_specs(source.config);
  for (const arch::ParameterSpec& spec : specs) {
    tensors.push_back({.name = arch::gguf_tensor_name(spec.name),
                       .type = gguf_type_of(spec, source.config, options.type),
                       .shape = spec.shape});
  }
  const std::vector<float> rope_freqs = arch::gguf_rope_freqs(source.config);
  if (!rope_freqs.empty()) {
    tensors.push_back({.name = arch::kRopeFreqsName,
                       .type = io::GgmlType::kF32,
                       .shape = {static_cast<int64_t>(rope_freqs.size())}});
  }
  io::GgufWriter writer(out, metadata_of(source, options, warnings), tensors);
  for (size_t i = 0; i < specs.size(); ++i)
    writer.write_next(encode(rows_as_in_gguf(source, specs[i]), tensors[i].type, specs[i].name));
  if (!rope_freqs.empty()) writer.write_next(std::as_bytes(std::span(rope_freqs)));
  writer.commit();
  return warnings;
}

}  // namespace llm::convert
