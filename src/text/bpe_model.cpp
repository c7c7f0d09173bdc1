#include "text/bpe_model.h"

#include <algorithm>
#include <queue>

#include "text/byte_level.h"

namespace llm::text {
namespace {

// Up to here a scan for the best pair beats the heap.
constexpr size_t kShortWord = 48;
constexpr uint32_t kNoRank = ~0u;

struct Candidate {
  uint32_t rank;
  uint32_t position;  // of the left symbol
  int32_t merged;
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

BpeModel::BpeModel(const BpeRules& rules, const std::vector<bool>& blocked)
    : merges_(rules.merges.size()),
      ignore_merges_(rules.ignore_merges),
      unk_id_(rules.unk_id),
      fuse_unk_(rules.fuse_unk) {
  byte_ids_.fill(-1);
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    const std::optional<std::string> bytes = bytes_of_piece(rules.pieces[id]);
    if (!bytes || bytes->empty()) continue;
    if (bytes->size() == 1) byte_ids_[static_cast<uint8_t>((*bytes)[0])] = static_cast<int32_t>(id);
    if (ignore_merges_ && !blocked[id]) whole_words_.emplace(*bytes, static_cast<int32_t>(id));
  }
  covers_all_bytes_ = std::ranges::all_of(byte_ids_, [](int32_t id) { return id >= 0; });
  for (size_t rank = 0; rank < rules.merges.size(); ++rank)
    merges_.insert(rules.merges[rank].first, rules.merges[rank].second,
                   {static_cast<uint32_t>(rank), rules.merged[rank]});
}

void BpeModel::encode_word(std::string_view word, std::vector<int32_t>& out) const {
  const bool cached = word.size() <= WordCache::kMaxWordBytes;
  const uint64_t hash = cached ? WordCache::hash(word) : 0;
  if (cached && cache_.find(word, hash, out)) return;
  const size_t before = out.size();
  if (const auto whole = ignore_merges_ ? whole_words_.find(word) : whole_words_.end();
      whole != whole_words_.end()) {
    out.push_back(whole->second);
  } else {
    static thread_local std::vector<int32_t> symbols;
    start_symbols(word, symbols);
    symbols.size() <= kShortWord ? merge_short(symbols) : merge_long(symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
    if (symbols.capacity() > (1u << 16)) symbols = {};
  }
  if (cached) cache_.insert(word, hash, std::span(out).subspan(before));
}

uint64_t BpeModel::count_unknown_bytes(std::string_view word) const {
  if (covers_all_bytes_ || (ignore_merges_ && whole_words_.contains(word))) return 0;
  return std::ranges::count_if(word,
                               [&](char c) { return byte_ids_[static_cast<uint8_t>(c)] < 0; });
}

void BpeModel::start_symbols(std::string_view word, std::vector<int32_t>& symbols) const {
  symbols.clear();
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
    if (const MergeRule rule = rule_at(i); rule.merged >= 0)
      storage.push_back({rule.rank, i, rule.merged});
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>(),
                                                                              std::move(storage));
  const auto offer = [&](uint32_t i) {
    if (const MergeRule rule = rule_at(i); rule.merged >= 0) heap.push({rule.rank, i, rule.merged});
  };
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    const uint32_t at = top.position;
    if (chain.ids[at] < 0) continue;
    const MergeRule now = rule_at(at);
    if (now.merged < 0 || now.rank != top.rank) continue;  // the pair has changed since
    const uint32_t gone = chain.next[at];
    chain.ids[at] = top.merged;
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
