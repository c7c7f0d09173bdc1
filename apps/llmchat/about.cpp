#include "llmchat/about.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "llm/arch/parameters.h"
#include "llm/core/format.h"
#include "llm/io/gguf_model.h"
#include "llm/io/quant.h"

namespace llm::apps {
namespace {

// The type that most of a GGUF file's weights have; else what config.json says.
std::string stored_type(const convert::LoadedModel& model) {
  if (model.path.extension() != ".gguf") return model.config.dtype;
  std::map<std::string, int64_t> counts;
  const io::GgufModel file(model.path);
  for (const io::GgufTensor& tensor : file.tensors())
    counts[io::quant_block(tensor.type).name] += tensor.num_values();
  const auto most =
      std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
  return most == counts.end() ? model.config.dtype : most->first;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> about_model(const convert::LoadedModel& model) {
  const auto count = static_cast<double>(arch::num_parameters(model.config));
  return {{"model", model.path.string()},
          {"architecture",
           fmt::format("{}, {} parameters", arch::model_type_name(model.config.architecture),
                       core::format_count(count))},
          {"weights", fmt::format("stored as {}, computed in {} on {}", stored_type(model),
                                  model.store->dtype() == at::kFloat ? "fp32" : "bf16",
                                  model.store->device().str())}};
}

}  // namespace llm::apps
