#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/gguf_tokenizer.h"
#include "text/byte_pieces.h"
#include "text/gguf_pre_tokenizer.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

constexpr float kAddedScore = -1000;  // llama.cpp's converters give it to what a model lacks

[[noreturn]] void refuse_export(const TokenizerSpec& spec, const std::string& expected,
                                const std::string& got) {
  throw core::FormatError({spec.where, "a tokenizer that GGUF can represent: " + expected, got,
                           "Export to another format, or use the tokenizer with this library"});
}

// What the pipeline does before a SentencePiece-style model, as GGUF's switches say it.
struct SpmPipeline {
  std::string charsmap;
  bool add_space_prefix = false;
  bool remove_extra_whitespaces = false;
};

void read_spm_normalizer(const TokenizerSpec& spec, SpmPipeline& pipeline) {
  for (const NormalizerStep& step : spec.normalizer) {
    const bool marks = step.kind == NormalizerStep::Kind::kReplace && !step.is_regex &&
                       step.pattern == " " && step.content == kSpaceMark;
    const bool joins = step.kind == NormalizerStep::Kind::kReplace && step.is_regex &&
                       step.pattern == " {2,}" &&
                       (step.content == " " || step.content == kSpaceMark);
    const bool prepends = step.kind == NormalizerStep::Kind::kPrepend && step.content == kSpaceMark;
    if (step.kind == NormalizerStep::Kind::kPrecompiled)
      pipeline.charsmap = step.charsmap;
    else if (prepends)
      pipeline.add_space_prefix = true;
    else if (joins)
      pipeline.remove_extra_whitespaces = true;
    else if (!marks && step.kind != NormalizerStep::Kind::kStrip)
      refuse_export(spec, "a normalizer of SentencePiece", "another normalizer");
  }
}

SpmPipeline spm_pipeline(const TokenizerSpec& spec) {
  SpmPipeline pipeline;
  read_spm_normalizer(spec, pipeline);
  for (const PreTokenizerStep& step : spec.pre_tokenizer) {
    if (step.kind == PreTokenizerStep::Kind::kWhitespaceSplit)
      pipeline.remove_extra_whitespaces = true;
    else if (step.kind == PreTokenizerStep::Kind::kMetaspace && step.replacement == kSpaceMark)
      pipeline.add_space_prefix |= step.prepend_scheme != PrependScheme::kNever;
    else
      refuse_export(spec, "no pre-tokenizer, or Metaspace", "another pre-tokenizer");
  }
  return pipeline;
}

// llama.cpp merges the pair whose piece has the best score: merges in any other order than piece by
// piece, or merges that are missing, cannot be said.
void give_scores(const TokenizerSpec& spec, const BpeRules& rules, SentencePieceModel& model) {
  if (rules.ignore_merges) refuse_export(spec, "BPE without ignore_merges", "ignore_merges");
  std::vector<bool> may_merge(model.pieces.size());
  for (size_t id = 0; id < may_merge.size(); ++id)
    may_merge[id] = model.kinds[id] == PieceKind::kNormal;
  BpeRules rebuilt;
  rebuilt.pieces = model.pieces;
  rebuilt.scores.assign(model.pieces.size(), -static_cast<double>(rules.merges.size()) - 1);
  for (size_t i = rules.merges.size(); i-- > 0;)
    rebuilt.scores[rules.merged[i]] = -static_cast<double>(i);
  build_merges(rebuilt, may_merge);
  std::vector<std::tuple<double, int32_t, int32_t>> expected, got;
  double last = 1;
  for (size_t i = 0; i < rules.merges.size(); ++i) {
    const double score = rebuilt.scores[rules.merged[i]];
    if (score > last) refuse_export(spec, "merges piece by piece", "another order");
    last = score;
    expected.emplace_back(score, rules.merges[i].first, rules.merges[i].second);
  }
  for (size_t i = 0; i < rebuilt.merges.size(); ++i)
    got.emplace_back(rebuilt.scores[rebuilt.merged[i]], rebuilt.merges[i].first,
                     rebuilt.merges[i].second);
  std::ranges::sort(expected);
  std::ranges::sort(got);
  if (expected != got)
    refuse_export(spec, "a merge for every split of a piece into two others", "another list");
  model.scores.assign(rebuilt.scores.begin(), rebuilt.scores.end());
}

// A Hugging Face pipeline as the SentencePiece model that it came from.
SentencePieceModel as_sentencepiece(const TokenizerSpec& spec) {
  const SpmPipeline pipeline = spm_pipeline(spec);
  const ModelRules& rules = spec.rules();
  SentencePieceModel model;
  model.is_unigram = std::holds_alternative<UnigramRules>(spec.model);
  model.pieces = rules.pieces;
  model.kinds.assign(rules.pieces.size(), PieceKind::kNormal);
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    if (rules.pieces[id].empty()) model.kinds[id] = PieceKind::kUnused;
    if (rules.byte_fallback && byte_of_piece(rules.pieces[id])) model.kinds[id] = PieceKind::kByte;
  }
  for (const AddedToken& token : spec.added_tokens)
    if (static_cast<size_t>(token.id) < model.kinds.size())
      model.kinds[token.id] = token.special ? PieceKind::kControl : PieceKind::kUserDefined;
  if (rules.unk_id) model.kinds[*rules.unk_id] = PieceKind::kUnknown;
  model.byte_fallback = rules.byte_fallback;
  model.charsmap = pipeline.charsmap;
  model.add_dummy_prefix = pipeline.add_space_prefix;
  model.remove_extra_whitespaces = pipeline.remove_extra_whitespaces;
  model.unk_id = rules.unk_id.value_or(-1);
  if (const auto* bpe = std::get_if<BpeRules>(&spec.model))
    give_scores(spec, *bpe, model);
  else
    model.scores.assign(rules.scores.begin(), rules.scores.end());
  for (size_t id = 0; id < model.scores.size(); ++id)
    if (model.kinds[id] != PieceKind::kNormal) model.scores[id] = 0;
  return model;
}

void export_spm(const TokenizerSpec& spec, GgufVocabularyExport& out) {
  const SentencePieceModel model =
      spec.is_sentencepiece() ? sentencepiece_model_of(spec) : as_sentencepiece(spec);
  GgufVocabulary& vocabulary = out.vocabulary;
  vocabulary.model = model.is_unigram ? "t5" : "llama";
  vocabulary.pre = "default";
  vocabulary.tokens = model.pieces;
  vocabulary.scores = model.scores;
  for (size_t id = 0; id < model.kinds.size(); ++id) {
    vocabulary.token_types.push_back(static_cast<int32_t>(model.kinds[id]));
    if (model.kinds[id] == PieceKind::kUserDefined)
      vocabulary.tokens[id] = replace_all(model.pieces[id], kSpaceMark, " ");
  }
  if (model.unk_id >= 0) vocabulary.unk_id = model.unk_id;
  vocabulary.add_space_prefix = model.add_dummy_prefix;
  vocabulary.remove_extra_whitespaces = model.remove_extra_whitespaces;
  vocabulary.precompiled_charsmap = model.charsmap;
  if (model.is_unigram && model.byte_fallback)
    out.warnings.push_back(
        "llama.cpp ignores the byte fallback of a Unigram tokenizer: characters outside the "
        "vocabulary become the unknown token there");
  if (!model.is_unigram && (!model.charsmap.empty() || model.remove_extra_whitespaces))
    out.warnings.push_back(
        "llama.cpp does not normalise text for a SentencePiece BPE tokenizer: folded characters "
        "and extra spaces get other ids there");
}

void export_gpt2(const TokenizerSpec& spec, GgufVocabularyExport& out) {
  const auto& rules = std::get<BpeRules>(spec.model);
  const auto name = gguf_pre_name(spec.normalizer, spec.pre_tokenizer, rules.ignore_merges);
  if (!name)
    refuse_export(spec,
                  "a pre-tokenizer that llama.cpp knows (" + known_gguf_pre_tokenizers() + ")",
                  "another normalizer or pre-tokenizer");
  GgufVocabulary& vocabulary = out.vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = *name;
  vocabulary.tokens = rules.pieces;
  vocabulary.token_types.assign(rules.pieces.size(), static_cast<int32_t>(PieceKind::kNormal));
  for (const auto& [left, right] : rules.merges)
    vocabulary.merges.push_back(rules.pieces[left] + " " + rules.pieces[right]);
  if (!spec.normalizer.empty())
    out.warnings.push_back(
        "llama.cpp does not normalise text (NFC): decomposed characters get other ids there");
}

// Added tokens in their places, then names for the ids that nothing has.
void fill_rows(const TokenizerSpec& spec, size_t num_rows, GgufVocabulary& vocabulary) {
  vocabulary.tokens.resize(num_rows);
  vocabulary.token_types.resize(num_rows, static_cast<int32_t>(PieceKind::kUnused));
  if (vocabulary.model != "gpt2") vocabulary.scores.resize(num_rows, kAddedScore);
  for (const AddedToken& token : spec.added_tokens) {
    const bool known = static_cast<size_t>(token.id) < spec.rules().pieces.size() &&
                       !spec.rules().pieces[token.id].empty();
    if (known && vocabulary.model != "gpt2") continue;
    vocabulary.tokens[token.id] = token.content;
    vocabulary.token_types[token.id] =
        static_cast<int32_t>(token.special ? PieceKind::kControl : PieceKind::kUserDefined);
    if (vocabulary.model != "gpt2") vocabulary.scores[token.id] = kAddedScore;
  }
  for (size_t id = 0; id < num_rows; ++id) {
    if (!vocabulary.tokens[id].empty()) continue;
    vocabulary.tokens[id] = fmt::format("[PAD{}]", id);
    vocabulary.token_types[id] = static_cast<int32_t>(PieceKind::kUnused);
  }
}

// Whether exactly `id` is added; other ids cannot be said.
bool says_only(const std::vector<int32_t>& ids, std::optional<int32_t> id, const char* place,
               std::vector<std::string>& warnings) {
  if (ids.empty()) return false;
  if (ids.size() == 1 && ids[0] == id) return true;
  warnings.push_back(fmt::format(
      "GGUF has no word for the special tokens that the tokenizer adds {} a text", place));
  return false;
}

}  // namespace

GgufVocabularyExport gguf_vocabulary_of(const Tokenizer& tokenizer, int64_t num_rows) {
  const auto* own = dynamic_cast<const PipelineTokenizer*>(&tokenizer);
  LLM_CHECK(own, "a tokenizer of another library");
  const TokenizerSpec& spec = own->spec();
  const int64_t rows = num_rows > 0 ? num_rows : tokenizer.vocab_size();
  LLM_CHECK(rows >= tokenizer.vocab_size(), "{} rows for {} ids", rows, tokenizer.vocab_size());
  GgufVocabularyExport out;
  spec.is_byte_level() ? export_gpt2(spec, out) : export_spm(spec, out);
  GgufVocabulary& vocabulary = out.vocabulary;
  fill_rows(spec, static_cast<size_t>(rows), vocabulary);
  vocabulary.bos_id = tokenizer.bos_id();
  vocabulary.eos_id = tokenizer.eos_id();
  vocabulary.pad_id = tokenizer.pad_id();
  if (!vocabulary.unk_id) vocabulary.unk_id = tokenizer.unk_id();
  for (const int32_t id : tokenizer.stop_ids()) {
    if (id == tokenizer.eos_id()) continue;
    auto& place = tokenizer.piece(id) == "<|eom_id|>" ? vocabulary.eom_id : vocabulary.eot_id;
    if (place)
      out.warnings.push_back(fmt::format(
          "GGUF has one key for a further stop token, which says '{}': '{}' may not stop llama.cpp",
          tokenizer.piece(*place), tokenizer.piece(id)));
    else
      place = id;
  }
  vocabulary.add_bos = says_only(spec.prefix_ids, vocabulary.bos_id, "before", out.warnings);
  vocabulary.add_eos = says_only(spec.suffix_ids, vocabulary.eos_id, "after", out.warnings);
  vocabulary.chat_template = tokenizer.chat_template();
  return out;
}

}  // namespace llm::text
