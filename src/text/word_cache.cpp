#include "text/word_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace llm::text {
namespace {

constexpr size_t kNumSlots = size_t{1} << 17;
constexpr size_t kProbes = 4;

}  // namespace

// One allocation: this header, then num_ids ids, then the word.
struct WordCache::Entry {
  uint64_t hash;
  uint32_t num_ids;
  uint32_t num_bytes;

  const int32_t* ids() const { return reinterpret_cast<const int32_t*>(this + 1); }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(ids() + num_ids), num_bytes};
  }

  static const Entry* make(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
    void* memory = ::operator new(sizeof(Entry) + ids.size_bytes() + word.size());
    auto* entry = new (memory)
        Entry{hash, static_cast<uint32_t>(ids.size()), static_cast<uint32_t>(word.size())};
    auto* tail = reinterpret_cast<char*>(entry + 1);
    // Not memcpy, which forbids the null pointer of an empty range.
    tail = std::copy_n(reinterpret_cast<const char*>(ids.data()), ids.size_bytes(), tail);
    std::ranges::copy(word, tail);
    return entry;
  }
  static void free(const Entry* entry) { ::operator delete(const_cast<Entry*>(entry)); }
};

WordCache::WordCache() : slots_(new Slot[kNumSlots]) {}

WordCache::~WordCache() {
  for (size_t i = 0; i < kNumSlots; ++i)
    if (const Entry* entry = slots_[i].entry.load(std::memory_order_relaxed)) Entry::free(entry);
}

uint64_t WordCache::hash(std::string_view word) {
  uint64_t h = word.size() * 0x9E3779B97F4A7C15ull;
  size_t i = 0;
  uint64_t chunk;
  for (; i + 8 <= word.size(); i += 8) {
    std::memcpy(&chunk, word.data() + i, 8);
    h = (h ^ chunk) * 0xFF51AFD7ED558CCDull;
    h ^= h >> 32;
  }
  chunk = 0;
  if (i < word.size()) std::memcpy(&chunk, word.data() + i, word.size() - i);
  h = (h ^ chunk) * 0xC4CEB9FE1A85EC53ull;
  return h ^ (h >> 29);
}

bool WordCache::find(std::string_view word, uint64_t hash, std::vector<int32_t>& out) const {
  for (size_t probe = 0; probe < kProbes; ++probe) {
    const Entry* entry =
        slots_[(hash + probe) & (kNumSlots - 1)].entry.load(std::memory_order_acquire);
    if (!entry) return false;
    if (entry->hash != hash || entry->text() != word) continue;
    out.insert(out.end(), entry->ids(), entry->ids() + entry->num_ids);
    return true;
  }
  return false;
}

void WordCache::insert(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
  for (size_t probe = 0; probe < kProbes; ++probe) {
    auto& slot = slots_[(hash + probe) & (kNumSlots - 1)].entry;
    if (slot.load(std::memory_order_relaxed)) continue;
    const Entry* made = Entry::make(word, hash, ids);
    const Entry* expected = nullptr;
    if (slot.compare_exchange_strong(expected, made, std::memory_order_release,
                                     std::memory_order_relaxed))
      return;
    Entry::free(made);
  }
}

}  // namespace llm::text
