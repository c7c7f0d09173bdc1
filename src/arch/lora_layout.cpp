#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "llm/arch/lora.h"
#include "llm/core/error.h"
#include "llm/text/full_match.h"

namespace llm::arch {
namespace {

std::string module_of(const std::string& parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

// Names by suffix, or by one pattern, as PEFT matches them.
class NameMatcher {
 public:
  NameMatcher(const ModuleNames& names, const std::string& where) : suffixes_(names.suffixes) {
    if (!names.pattern.empty()) pattern_ = std::make_unique<text::FullMatch>(names.pattern, where);
  }
  bool operator()(const std::string& name) const {
    if (pattern_) return (*pattern_)(name);
    return std::any_of(suffixes_.begin(), suffixes_.end(), [&](const std::string& suffix) {
      return name == suffix || name.ends_with("." + suffix);
    });
  }

 private:
  const std::vector<std::string>& suffixes_;
  std::unique_ptr<text::FullMatch> pattern_;
};

class LayoutBuilder {
 public:
  LayoutBuilder(const LoraConfig& config, const std::string& where)
      : config_(config),
        where_(where),
        target_(config.target_modules, where + ": target_modules"),
        exclude_(config.exclude_modules, where + ": exclude_modules") {
    for (const std::string& name : config.modules_to_save)
      saved_.emplace_back(R"((?:|.*\.)(?:)" + name + R"()(?:|\..*))", where + ": modules_to_save");
    for (const std::string& name : config.layers_pattern)
      layers_.emplace_back(R"((?:|.*?\.)(?:)" + name + ")", where + ": layers_pattern");
    for (const auto& [pattern, unused] : config.rank_pattern) ranks_.push_back(ending(pattern));
    for (const auto& [pattern, unused] : config.alpha_pattern) alphas_.push_back(ending(pattern));
  }

  bool is_target(const ParameterSpec& spec) const {
    const std::string name = module_of(spec.name);
    if (exclude_(name)) return false;
    if (std::any_of(saved_.begin(), saved_.end(), [&](const auto& saved) { return saved(name); }))
      return false;
    if (is_all_linear()) return spec.kind == ParameterKind::kMatrix;
    return target_(name) && is_in_layers(spec.layer);
  }

  // PEFT looks for modules whose name ends so, and stores all that lies in them.
  bool is_saved(const std::string& parameter) const {
    const std::string module = module_of(parameter);
    for (size_t end = module.size(); end != std::string::npos && end > 0;
         end = module.rfind('.', end - 1)) {
      const std::string outer = module.substr(0, end);
      for (const std::string& name : config_.modules_to_save)
        if (outer.ends_with(name)) return true;
    }
    return false;
  }

  LoraModule module(const ParameterSpec& spec) const {
    LoraModule module{.name = module_of(spec.name),
                      .layer = spec.layer,
                      .in = spec.shape[1],
                      .out = spec.shape[0],
                      .rank = config_.r};
    double alpha = config_.lora_alpha;
    if (const size_t i = first(ranks_, module.name); i < ranks_.size())
      module.rank = config_.rank_pattern[i].second;
    if (const size_t i = first(alphas_, module.name); i < alphas_.size())
      alpha = config_.alpha_pattern[i].second;
    const auto rank = static_cast<double>(module.rank);
    module.scale = alpha / (config_.use_rslora ? std::sqrt(rank) : rank);
    return module;
  }

 private:
  text::FullMatch ending(const std::string& pattern) const {
    return {R"((?:.*\.)?(?:)" + pattern + ")", where_};
  }
  static size_t first(const std::vector<text::FullMatch>& patterns, const std::string& name) {
    size_t i = 0;
    while (i < patterns.size() && !patterns[i](name)) ++i;
    return i;
  }
  bool is_all_linear() const {
    std::string text = config_.target_modules.pattern;
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text == kAllLinear;
  }
  bool is_in_layers(int64_t layer) const {
    if (!config_.layers_to_transform) return true;
    const bool named = layers_.empty() || first(layers_, "model.layers") < layers_.size();
    const auto& wanted = *config_.layers_to_transform;
    return named && std::find(wanted.begin(), wanted.end(), layer) != wanted.end();
  }

  const LoraConfig& config_;
  const std::string& where_;
  NameMatcher target_, exclude_;
  std::vector<text::FullMatch> saved_, layers_, ranks_, alphas_;
};

core::ConfigError bad_targets(const LoraConfig& config, const std::string& where,
                              const std::string& got, const std::string& hint) {
  const io::OrderedJson json = to_json(config);
  return core::ConfigError({.where = where + ": target_modules",
                            .expected = "names of linear layers of the base model",
                            .got = json["target_modules"].dump() + ", which " + got,
                            .hint = hint});
}

}  // namespace

LoraLayout lora_layout(const LoraConfig& config, const ModelConfig& base,
                       const std::string& where) {
  std::vector<ParameterSpec> specs = parameter_specs(base);
  if (base.tie_word_embeddings)
    specs.push_back({kHeadName, specs.front().shape, ParameterKind::kHead, "", -1});
  const LayoutBuilder builder(config, where);
  LoraLayout layout;
  for (const ParameterSpec& spec : specs) {
    if (builder.is_saved(spec.name)) layout.saved.push_back(spec);
    const bool is_table = spec.kind == ParameterKind::kEmbedding;
    const bool is_linear = spec.kind == ParameterKind::kMatrix || spec.kind == ParameterKind::kHead;
    if ((!is_table && !is_linear) || !builder.is_target(spec)) continue;
    if (is_table)
      throw bad_targets(config, where, "matches the embedding",
                        "Train it whole: name embed_tokens in modules_to_save.");
    layout.modules.push_back(builder.module(spec));
  }
  if (layout.modules.empty())
    throw bad_targets(config, where, "matches none",
                      "The linear layers are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
                      "down_proj and lm_head.");
  return layout;
}

}  // namespace llm::arch
