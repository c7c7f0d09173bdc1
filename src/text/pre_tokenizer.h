// Cuts text into the words that the model works on: pre-tokenizers of Hugging Face `tokenizers`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"

namespace llm::text {

enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

// When Metaspace puts its mark before a word: at the start of the text, of each part of the text
// that it is handed, or never.
enum class PrependScheme { kFirst, kAlways, kNever };

struct PreTokenizerStep {
  enum class Kind { kSplit, kDigits, kByteLevel, kMetaspace, kWhitespaceSplit };
  Kind kind = Kind::kSplit;
  // kSplit
  std::string pattern;
  bool is_regex = true;  // false: `pattern` is matched literally
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // the text between matches plays the part of the matches
  // kDigits
  bool individual_digits = false;  // every digit alone, or runs of digits
  // kByteLevel: must be the last step
  bool add_prefix_space = false;
  bool use_regex = true;  // GPT-2's pattern
  // kMetaspace: spaces become `replacement`
  std::string replacement = {};
  PrependScheme prepend_scheme = PrependScheme::kAlways;
  bool split = true;  // before each mark

  bool operator==(const PreTokenizerStep&) const = default;
};

// The regular expressions of "gpt2", "llama3" and "qwen2"; empty for any other name.
std::string_view pattern_named(std::string_view name);
// The steps of "gpt2", "llama3", "qwen2" and "smollm". Throws: ConfigError for another name.
std::vector<PreTokenizerStep> steps_named(const std::string& name);

// Immutable; split() may run in many threads at once.
class PreTokenizer {
 public:
  using WordSink = std::function<void(std::string_view)>;

  // Throws: FormatError naming `where` for a pattern we cannot compile.
  PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& where);
  // Calls `sink` for each word in order; the words together are the text, but for removed matches,
  // added and replaced spaces. A word lives during the call only. `at_start`: nothing came before
  // this text. Requires: valid UTF-8.
  void split(std::string_view text, const WordSink& sink, bool at_start = true) const;
  const std::vector<PreTokenizerStep>& steps() const { return steps_; }

 private:
  struct Cutter {  // a step ready to run; without a regex the text passes whole
    std::optional<Regex> regex;
    SplitBehavior behavior = SplitBehavior::kIsolated;
    bool invert = false;
    bool add_prefix_space = false;
    // Of Metaspace: spaces become `mark`, and one comes first where the scheme says so.
    std::string mark = {};
    PrependScheme prepend_scheme = PrependScheme::kNever;
  };
  static Cutter make_cutter(const PreTokenizerStep& step, const std::string& where);
  void run(size_t step, std::string_view text, bool at_start, const WordSink& sink) const;

  std::vector<PreTokenizerStep> steps_;
  std::vector<Cutter> cutters_;
};

}  // namespace llm::text
