#include "text/gguf_pre_tokenizer.h"

#include <array>

namespace llm::text {
namespace {

struct NamedSplit {
  std::string_view gguf;
  const char* split;  // of steps_named()
  bool ignore_merges = false;
  bool adds_bos = false;
  bool nfc = false;
};

// The first name of a split is the one we write.
constexpr std::array kNamedSplits = {
    NamedSplit{"gpt-2", "gpt2"},
    NamedSplit{"phi-2", "gpt2"},
    NamedSplit{"gigachat", "gpt2"},
    NamedSplit{"mpt", "gpt2"},
    NamedSplit{"olmo", "gpt2"},
    NamedSplit{"jais", "gpt2"},
    NamedSplit{"exaone4", "gpt2"},
    NamedSplit{"granite-docling", "gpt2"},
    NamedSplit{"llama-bpe", "llama3", true, true},
    NamedSplit{"llama3", "llama3", true, true},
    NamedSplit{"llama-v3", "llama3", true, true},
    NamedSplit{"falcon3", "llama3", true, true},
    NamedSplit{"pixtral", "llama3", true, true},
    NamedSplit{"dbrx", "llama3"},
    NamedSplit{"smaug-bpe", "llama3"},
    NamedSplit{"chatglm-bpe", "llama3"},
    NamedSplit{"qwen2", "qwen2", false, false, true},
    NamedSplit{"deepseek-r1-qwen", "qwen2", false, false, true},
    NamedSplit{"stablelm2", "qwen2"},
    NamedSplit{"megrez", "qwen2"},
    NamedSplit{"hunyuan", "qwen2"},
    NamedSplit{"smollm", "smollm"},
    NamedSplit{"starcoder", "smollm"},
    NamedSplit{"refact", "smollm"},
    NamedSplit{"command-r", "smollm"},
    NamedSplit{"codeshell", "smollm"},
    NamedSplit{"exaone", "smollm"},
    NamedSplit{"minerva-7b", "smollm"},
};

std::vector<NormalizerStep> normalizer_of_split(const NamedSplit& named) {
  if (!named.nfc) return {};
  return {unicode_form_step(NormalForm::kNfc)};
}

// The same words whatever is written differently: GPT-2's pattern inside ByteLevel or before it,
// digits split by Digits or by a regular expression.
std::vector<PreTokenizerStep> canonical(std::vector<PreTokenizerStep> steps) {
  std::vector<PreTokenizerStep> out;
  for (PreTokenizerStep& step : steps) {
    if (step.kind == PreTokenizerStep::Kind::kByteLevel && step.use_regex) {
      PreTokenizerStep split;
      split.pattern = pattern_named("gpt2");
      out.push_back(split);
      step.use_regex = false;
    } else if (step.kind == PreTokenizerStep::Kind::kDigits && step.individual_digits) {
      step = {};
      step.pattern = "\\p{N}";
    } else if (step.kind == PreTokenizerStep::Kind::kSplit && step.is_regex && step.invert &&
               step.behavior == SplitBehavior::kRemoved) {
      step.invert = false;  // what lies between matches goes; the patterns known here match all
      step.behavior = SplitBehavior::kIsolated;
    }
    out.push_back(std::move(step));
  }
  return out;
}

}  // namespace

std::optional<GgufPreTokenizer> gguf_pre_tokenizer(std::string_view name) {
  for (const NamedSplit& named : kNamedSplits)
    if (named.gguf == name)
      return GgufPreTokenizer{normalizer_of_split(named), steps_named(named.split),
                              named.ignore_merges, named.adds_bos};
  return std::nullopt;
}

std::string known_gguf_pre_tokenizers() {
  std::string names;
  for (const NamedSplit& named : kNamedSplits)
    names.append(names.empty() ? "" : ", ").append(named.gguf);
  return names;
}

std::optional<std::string> gguf_pre_name(const std::vector<NormalizerStep>& normalizer,
                                         const std::vector<PreTokenizerStep>& steps,
                                         bool ignore_merges) {
  for (const NamedSplit& named : kNamedSplits)
    if (named.ignore_merges == ignore_merges && normalizer == normalizer_of_split(named) &&
        canonical(steps) == canonical(steps_named(named.split)))
      return std::string(named.gguf);
  return std::nullopt;
}

}  // namespace llm::text
