#include "text/unigram_model.h"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>

#include "llm/core/check.h"
#include "llm/text/utf8.h"
#include "text/bpe_model.h"

namespace llm::text {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr double kLargeSum = -1e5;  // below, single precision no longer tells scores apart
// Positions are 32-bit.
constexpr size_t kMaxWordBytes = size_t{1} << 30;

// SentencePiece's bonus: `length` times the best score of a normal piece, less 0.1. It starts its
// search for that score at the smallest positive number, so negative scores never win.
double user_defined_score(size_t length, float best) {
  return static_cast<float>(length) * best - 0.1;
}

}  // namespace

UnigramModel::UnigramModel(const UnigramRules& rules, const std::vector<bool>& blocked)
    : scores_(rules.scores),
      single_precision_(rules.is_sentencepiece()),
      unk_id_(rules.unk_id),
      unknown_(rules) {
  std::vector<std::pair<std::string_view, int32_t>> keys;
  double lowest = std::numeric_limits<double>::infinity();
  float best = std::numeric_limits<float>::min();
  for (size_t i = 0; i < rules.pieces.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (rules.pieces[i].empty()) continue;
    const bool normal = !rules.is_sentencepiece() || rules.is_kind(id, PieceKind::kNormal);
    if (normal) {
      lowest = std::min(lowest, scores_[i]);
      best = std::max(best, static_cast<float>(scores_[i]));
    }
    const bool matched = normal || rules.is_kind(id, PieceKind::kUserDefined);
    if (matched && !blocked[i] && id != unk_id_ && !unknown_.is_byte(id))
      keys.emplace_back(rules.pieces[i], id);
  }
  for (const auto& [piece, id] : keys)
    if (rules.is_kind(id, PieceKind::kUserDefined))
      scores_[id] = user_defined_score(piece.size(), best);
  unk_score_ = lowest - kUnknownPenalty;
  trie_ = PieceTrie(std::move(keys));
}

// Sum: the precision in which scores are kept from piece to piece.
template <class Sum>
void UnigramModel::find_path(std::string_view word, std::vector<Step>& steps) const {
  steps.assign(word.size() + 1, {});
  size_t farthest = 0;  // end of the pieces so far
  const auto offer = [&](size_t begin, size_t end, double score, int32_t id) {
    Step& target = steps[end];
    const auto sum = static_cast<Sum>(score);
    if (target.begin < 0 || sum > target.score) target = {sum, static_cast<int32_t>(begin), id};
    farthest = std::max(farthest, end);
  };
  for (size_t begin = 0; begin < word.size();) {
    // Every path comes through here: what follows need not carry a large sum along.
    if (std::is_same_v<Sum, float> && begin == farthest && steps[begin].score < kLargeSum)
      steps[begin].score = 0;
    const double till_here = steps[begin].score;
    const size_t length = utf8_length(word[begin]);
    bool has_character = false;
    uint32_t node = PieceTrie::kRoot;
    for (size_t end = begin; end < word.size() && trie_.step(node, word[end]);) {
      ++end;
      const int32_t id = trie_.id(node);
      if (id < 0) continue;
      offer(begin, end, scores_[id] + till_here, id);
      has_character = has_character || end - begin == length;
    }
    if (!has_character) offer(begin, begin + length, unk_score_ + till_here, -1);
    begin += length;
  }
}

template <class Visit>
void UnigramModel::visit_path(std::string_view word, Visit&& visit) const {
  LLM_CHECK(word.size() <= kMaxWordBytes, "a text of {} bytes is too long to encode", word.size());
  static thread_local std::vector<Step> steps;
  static thread_local std::vector<size_t> ends;
  single_precision_ ? find_path<float>(word, steps) : find_path<double>(word, steps);
  ends.clear();
  for (size_t end = word.size(); end > 0; end = steps[end].begin) ends.push_back(end);
  size_t begin = 0;
  for (auto end = ends.rbegin(); end != ends.rend(); begin = *end++)
    visit(begin, *end, steps[*end].id);
  if (steps.capacity() > (1u << 20)) steps = {};
}

void UnigramModel::encode_word(std::string_view word, std::vector<int32_t>& out) const {
  bool after_unknown = false;
  visit_path(word, [&](size_t begin, size_t end, int32_t id) {
    if (id >= 0) {
      out.push_back(id);
      after_unknown = false;
      return;
    }
    if (unknown_.append_bytes(word.substr(begin, end - begin), out)) return;
    if (unk_id_ && !after_unknown) out.push_back(*unk_id_);
    after_unknown = true;
  });
}

uint64_t UnigramModel::count_unknown_bytes(std::string_view word) const {
  if (covers_all_text()) return 0;
  uint64_t count = 0;
  std::vector<int32_t> bytes;
  visit_path(word, [&](size_t begin, size_t end, int32_t id) {
    if (id < 0 && !unknown_.append_bytes(word.substr(begin, end - begin), bytes))
      count += end - begin;
  });
  return count;
}

std::unique_ptr<TokenModel> make_model(const AnyRules& rules, Alphabet alphabet,
                                       const std::vector<bool>& blocked) {
  if (const auto* bpe = std::get_if<BpeRules>(&rules))
    return std::make_unique<BpeModel>(*bpe, blocked, alphabet);
  LLM_CHECK(alphabet == Alphabet::kCharacters, "Unigram works on characters");
  return std::make_unique<UnigramModel>(std::get<UnigramRules>(rules), blocked);
}

}  // namespace llm::text
