#include "text/bpe_model.h"

#include <algorithm>
#include <queue>

#include "llm/text/utf8.h"
#include "text/byte_level.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

// Up to here a scan for the best pair beats the heap.
constexpr size_t kShortWord = 48;
constexpr uint32_t kNoRank = ~0u;

// The UTF-8 bytes of a character as one number.
uint32_t packed(std::string_view character) {
  uint32_t number = 0;
  for (const char byte : character) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

struct Candidate {
  uint32_t rank;
  uint32_t position;  // of the left symbol
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

// A linked list of symbols over fixed positions; a merged-away position has id -1.
struct Chain {
  std::vector<int32_t> ids;
  std::vector<uint32_t> previous;
  std::vector<uint32_t> next;
};

}  // namespace

BpeModel::BpeModel(const BpeRules& rules, const std::vector<bool>& blocked, Alphabet alphabet)
    : alphabet_(alphabet),
      merges_(rules.merges.size()),
      ignore_merges_(rules.ignore_merges),
      unk_id_(rules.unk_id),
      fuse_unk_(rules.fuse_unk),
      unknown_(rules) {
  byte_ids_.fill(-1);
  for (size_t id = 0; id < rules.pieces.size(); ++id)
    add_piece(static_cast<int32_t>(id), rules.pieces[id], blocked);
  covers_all_ = alphabet_ == Alphabet::kBytes
                    ? std::ranges::all_of(byte_ids_, [](int32_t id) { return id >= 0; })
                    : unknown_.covers_all();
  for (size_t i = 0; i < rules.merges.size(); ++i) {
    if (blocked[rules.merged[i]]) continue;
    const auto rank = rules.ranks.empty() ? static_cast<uint32_t>(i) : rules.ranks[i];
    merges_.insert(rules.merges[i].first, rules.merges[i].second, {rank, rules.merged[i]});
  }
  find_unused(rules);
  cuts_at_spaces_ = may_cut_at_spaces(rules);
}

void BpeModel::add_piece(int32_t id, const std::string& piece, const std::vector<bool>& blocked) {
  if (alphabet_ == Alphabet::kBytes) {
    const std::optional<std::string> bytes = bytes_of_piece(piece);
    if (!bytes || bytes->empty()) return;
    if (bytes->size() == 1) byte_ids_[static_cast<uint8_t>((*bytes)[0])] = id;
    if (ignore_merges_ && !blocked[id]) whole_words_.emplace(*bytes, id);
    return;
  }
  if (piece.empty() || blocked[id] || unknown_.is_byte(id)) return;
  if (ignore_merges_) whole_words_.emplace(piece, id);
  if (piece.size() != utf8_length(piece[0])) return;
  if (piece.size() == 1)
    byte_ids_[static_cast<uint8_t>(piece[0])] = id;
  else
    character_ids_[packed(piece)] = id;
}

// The first split of an unused piece in the order of ranks.
void BpeModel::find_unused(const BpeRules& rules) {
  for (size_t i = 0; i < rules.merges.size(); ++i)
    if (rules.is_kind(rules.merged[i], PieceKind::kUnused))
      unused_.emplace(rules.merged[i], rules.merges[i]);
}

bool BpeModel::may_cut_at_spaces(const BpeRules& rules) const {
  if (alphabet_ == Alphabet::kBytes || ignore_merges_ || character_id(kSpaceMark) < 0) return false;
  return std::ranges::none_of(rules.merges, [&](const std::pair<int32_t, int32_t>& merge) {
    return !rules.pieces[merge.first].ends_with(kSpaceMark) &&
           rules.pieces[merge.second].starts_with(kSpaceMark);
  });
}

int32_t BpeModel::character_id(std::string_view character) const {
  if (character.size() == 1) return byte_ids_[static_cast<uint8_t>(character[0])];
  const auto found = character_ids_.find(packed(character));
  return found == character_ids_.end() ? -1 : found->second;
}

void BpeModel::encode_word(std::string_view word, std::vector<int32_t>& out) const {
  if (!cuts_at_spaces_) return encode_part(word, out);
  size_t begin = 0;
  for (size_t mark = word.find(kSpaceMark); mark != word.npos;) {
    size_t end = mark;  // of the run of marks
    while (word.substr(end).starts_with(kSpaceMark)) end += kSpaceMark.size();
    if (mark > begin) encode_part(word.substr(begin, mark - begin), out);
    begin = mark;
    mark = word.find(kSpaceMark, end);
  }
  if (begin < word.size()) encode_part(word.substr(begin), out);
}

void BpeModel::encode_part(std::string_view word, std::vector<int32_t>& out) const {
  const bool cached = word.size() <= WordCache::kMaxWordBytes;
  const uint64_t hash = cached ? WordCache::hash(word) : 0;
  if (cached && cache_.find(word, hash, out)) return;
  const size_t before = out.size();
  if (const auto whole = ignore_merges_ ? whole_words_.find(word) : whole_words_.end();
      whole != whole_words_.end()) {
    out.push_back(whole->second);
  } else {
    static thread_local std::vector<int32_t> symbols;
    symbols.clear();
    alphabet_ == Alphabet::kBytes ? start_bytes(word, symbols) : start_characters(word, symbols);
    symbols.size() <= kShortWord ? merge_short(symbols) : merge_long(symbols);
    if (!unused_.empty()) split_unused(symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
    if (symbols.capacity() > (1u << 16)) symbols = {};
  }
  if (cached) cache_.insert(word, hash, std::span(out).subspan(before));
}

uint64_t BpeModel::count_unknown_bytes(std::string_view word) const {
  if (covers_all_ || (ignore_merges_ && whole_words_.contains(word))) return 0;
  uint64_t count = 0;
  std::vector<int32_t> bytes;
  for (size_t at = 0; at < word.size();) {
    const size_t length = alphabet_ == Alphabet::kBytes ? 1 : utf8_length(word[at]);
    const std::string_view symbol = word.substr(at, length);
    if (character_id(symbol) < 0 && !unknown_.append_bytes(symbol, bytes)) count += length;
    at += length;
  }
  return count;
}

void BpeModel::start_bytes(std::string_view word, std::vector<int32_t>& symbols) const {
  bool after_unknown = false;
  for (const char byte : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(byte)];
    if (id >= 0) {
      symbols.push_back(id);
    } else if (unk_id_ && !(fuse_unk_ && after_unknown)) {
      symbols.push_back(*unk_id_);
    }
    after_unknown = id < 0;
  }
}

// As `tokenizers` does: an unknown token waits for the next known character, so that with
// `fuse_unk` those on both sides of spelled-out bytes become one.
void BpeModel::start_characters(std::string_view word, std::vector<int32_t>& symbols) const {
  bool unknown_waits = false;
  const auto flush = [&] {
    if (unknown_waits) symbols.push_back(*unk_id_);
    unknown_waits = false;
  };
  for (size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, utf8_length(word[at]));
    at += character.size();
    if (const int32_t id = character_id(character); id >= 0) {
      flush();
      symbols.push_back(id);
    } else if (!unknown_.append_bytes(character, symbols) && unk_id_) {
      if (!fuse_unk_) flush();
      unknown_waits = true;
    }
  }
  flush();
}

void BpeModel::split_unused(std::vector<int32_t>& symbols) const {
  std::vector<int32_t> todo(symbols.rbegin(), symbols.rend());
  symbols.clear();
  while (!todo.empty()) {
    const int32_t id = todo.back();
    todo.pop_back();
    const auto found = unused_.find(id);
    if (found == unused_.end()) {
      symbols.push_back(id);
    } else {
      todo.push_back(found->second.second);
      todo.push_back(found->second.first);
    }
  }
}

void BpeModel::merge_short(std::vector<int32_t>& symbols) const {
  MergeRule rules[kShortWord];  // of the pair that starts at each position
  size_t count = symbols.size();
  const auto rule_at = [&](size_t i) {
    return i + 1 < count ? merges_.find(symbols[i], symbols[i + 1]) : MergeRule{};
  };
  for (size_t i = 0; i < count; ++i) rules[i] = rule_at(i);
  while (count > 1) {
    size_t best = 0;
    uint32_t best_rank = kNoRank;
    for (size_t i = 0; i + 1 < count; ++i) {
      if (rules[i].merged < 0 || rules[i].rank >= best_rank) continue;
      best = i;
      best_rank = rules[i].rank;
    }
    if (best_rank == kNoRank) break;
    symbols[best] = rules[best].merged;
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    std::copy(rules + best + 2, rules + count, rules + best + 1);
    --count;
    rules[best] = rule_at(best);
    if (best > 0) rules[best - 1] = rule_at(best - 1);
  }
  symbols.resize(count);
}

void BpeModel::merge_long(std::vector<int32_t>& symbols) const {
  const auto count = static_cast<uint32_t>(symbols.size());
  Chain chain{symbols, std::vector<uint32_t>(count), std::vector<uint32_t>(count)};
  std::vector<Candidate> storage;
  const auto rule_at = [&](uint32_t i) {
    return chain.next[i] < count ? merges_.find(chain.ids[i], chain.ids[chain.next[i]])
                                 : MergeRule{};
  };
  for (uint32_t i = 0; i < count; ++i) {
    chain.previous[i] = i - 1;  // wraps to "none" at 0
    chain.next[i] = i + 1;
  }
  for (uint32_t i = 0; i < count; ++i)
    if (const MergeRule rule = rule_at(i); rule.merged >= 0) storage.push_back({rule.rank, i});
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>(),
                                                                              std::move(storage));
  const auto offer = [&](uint32_t i) {
    if (const MergeRule rule = rule_at(i); rule.merged >= 0) heap.push({rule.rank, i});
  };
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    const uint32_t at = top.position;
    if (chain.ids[at] < 0) continue;
    const MergeRule now = rule_at(at);
    if (now.merged < 0 || now.rank != top.rank) continue;  // the pair has changed since
    const uint32_t gone = chain.next[at];
    chain.ids[at] = now.merged;
    chain.ids[gone] = -1;
    chain.next[at] = chain.next[gone];
    if (chain.next[at] < count) chain.previous[chain.next[at]] = at;
    offer(at);
    if (chain.previous[at] < count) offer(chain.previous[at]);
  }
  symbols.clear();
  for (uint32_t i = 0; i < count; i = chain.next[i]) symbols.push_back(chain.ids[i]);
}

}  // namespace llm::text
