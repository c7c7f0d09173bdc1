#include "text/pre_tokenizer.h"

#include <array>
#include <utility>

#include "llm/core/error.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPatterns = {
    {{"gpt2", kGpt2Pattern}, {"llama3", kLlama3Pattern}, {"qwen2", kQwen2Pattern}}};

PreTokenizerStep byte_level_step(bool use_regex) {
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kByteLevel;
  step.use_regex = use_regex;
  return step;
}

// Spans of `text`, alternately outside and inside matches, empty ones left out.
template <class F>
void for_each_span(const Regex& regex, std::string_view text, F&& visit) {
  size_t done = 0, from = 0;
  while (from <= text.size()) {
    const std::optional<Match> match = regex.find(text, from);
    if (!match) break;
    if (match->begin > done) visit(done, match->begin, false);
    if (match->end > match->begin) visit(match->begin, match->end, true);
    done = match->end;
    from = match->end;
    if (match->end == match->begin) {  // an empty match: step over one character
      ++from;
      while (from < text.size() && (static_cast<uint8_t>(text[from]) & 0xC0) == 0x80) ++from;
    }
  }
  if (done < text.size()) visit(done, text.size(), false);
}

// Joins the spans of for_each_span as the behaviour says and hands out the finished pieces.
class Joiner {
 public:
  Joiner(SplitBehavior behavior, std::string_view text, const PreTokenizer::WordSink& sink)
      : behavior_(behavior), text_(text), sink_(sink) {}

  void add(size_t begin, size_t end, bool matched) {
    if (behavior_ == SplitBehavior::kIsolated) return emit(begin, end);
    if (behavior_ == SplitBehavior::kRemoved) {
      if (!matched) emit(begin, end);
      return;
    }
    if (open_ && joins(matched)) {
      end_ = end;
    } else {
      flush();
      begin_ = begin;
      end_ = end;
      open_ = true;
    }
    previous_matched_ = matched;
  }
  void flush() {
    if (open_) emit(begin_, end_);
    open_ = false;
  }

 private:
  bool joins(bool matched) const {
    switch (behavior_) {
      case SplitBehavior::kContiguous:
        return matched == previous_matched_;
      case SplitBehavior::kMergedWithPrevious:
        return matched && !previous_matched_;
      default:
        return previous_matched_ && !matched;
    }
  }
  void emit(size_t begin, size_t end) const { sink_(text_.substr(begin, end - begin)); }

  SplitBehavior behavior_;
  std::string_view text_;
  const PreTokenizer::WordSink& sink_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool open_ = false;
  bool previous_matched_ = false;
};

// The text as Metaspace writes it.
std::string marked(std::string_view text, std::string_view mark, PrependScheme scheme,
                   bool at_start) {
  std::string out = replace_all(text, " ", mark);
  const bool prepends =
      scheme == PrependScheme::kAlways || (scheme == PrependScheme::kFirst && at_start);
  if (prepends && !out.starts_with(mark)) out.insert(0, mark);
  return out;
}

}  // namespace

std::string_view pattern_named(std::string_view name) {
  for (const auto& [known, pattern] : kPatterns)
    if (known == name) return pattern;
  return {};
}

std::vector<PreTokenizerStep> steps_named(const std::string& name) {
  if (name == "gpt2") return {byte_level_step(true)};
  if (name == "smollm") {
    PreTokenizerStep digits;
    digits.kind = PreTokenizerStep::Kind::kDigits;
    digits.individual_digits = true;
    return {digits, byte_level_step(true)};
  }
  const std::string_view pattern = pattern_named(name);
  if (pattern.empty())
    throw core::ConfigError(
        {"--pattern", "gpt2, llama3, qwen2 or smollm", "'" + name + "'", "llama3 is the default"});
  PreTokenizerStep split;
  split.pattern = pattern;
  return {split, byte_level_step(false)};
}

PreTokenizer::PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& where)
    : steps_(std::move(steps)) {
  for (const PreTokenizerStep& step : steps_) cutters_.push_back(make_cutter(step, where));
}

PreTokenizer::Cutter PreTokenizer::make_cutter(const PreTokenizerStep& step,
                                               const std::string& where) {
  Cutter cutter;
  switch (step.kind) {
    case PreTokenizerStep::Kind::kSplit:
      cutter.regex.emplace(step.is_regex ? step.pattern : escape_pattern(step.pattern), where);
      cutter.behavior = step.behavior;
      cutter.invert = step.invert;
      break;
    case PreTokenizerStep::Kind::kDigits:
      cutter.regex.emplace("\\p{N}", where);
      if (!step.individual_digits) cutter.behavior = SplitBehavior::kContiguous;
      break;
    case PreTokenizerStep::Kind::kByteLevel:
      if (step.use_regex) cutter.regex.emplace(std::string(kGpt2Pattern), where);
      cutter.add_prefix_space = step.add_prefix_space;
      break;
    case PreTokenizerStep::Kind::kMetaspace:
      cutter.mark = step.replacement;
      cutter.prepend_scheme = step.prepend_scheme;
      cutter.behavior = SplitBehavior::kMergedWithNext;
      if (step.split) cutter.regex.emplace(escape_pattern(step.replacement), where);
      break;
    case PreTokenizerStep::Kind::kWhitespaceSplit:
      cutter.regex.emplace("\\s+", where);
      cutter.behavior = SplitBehavior::kRemoved;
      break;
  }
  return cutter;
}

void PreTokenizer::split(std::string_view text, const WordSink& sink, bool at_start) const {
  if (!text.empty()) run(0, text, at_start, sink);
}

void PreTokenizer::run(size_t step, std::string_view text, bool at_start,
                       const WordSink& sink) const {
  if (step == cutters_.size()) return sink(text);
  const Cutter& cutter = cutters_[step];
  std::string changed;
  if (!cutter.mark.empty()) {
    changed = marked(text, cutter.mark, cutter.prepend_scheme, at_start);
    text = changed;
  } else if (cutter.add_prefix_space && text.front() != ' ') {
    changed.append(" ").append(text);
    text = changed;
  }
  const bool last = step + 1 == cutters_.size();
  if (!cutter.regex) return last ? sink(text) : run(step + 1, text, at_start, sink);
  const auto cut = [&](const WordSink& next) {
    Joiner joiner(cutter.behavior, text, next);
    for_each_span(*cutter.regex, text, [&](size_t begin, size_t end, bool matched) {
      joiner.add(begin, end, matched != cutter.invert);
    });
    joiner.flush();
  };
  if (last)
    cut(sink);
  else
    cut([&](std::string_view part) {
      run(step + 1, part, at_start && part.data() == text.data(), sink);
    });
}

}  // namespace llm::text
