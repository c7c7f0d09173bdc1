// The tokens that may come next, with their logits: what the sampling filters narrow down.
//
// They are ordered as far as somebody asked: the likeliest first, equal logits by id, so that the
// result depends neither on the algorithm nor on the order of questions. Sorting 150 000 logits for
// the sake of the first 40 would cost more than all other steps together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llm::generate {

struct Candidate {
  int32_t id = 0;
  float logit = 0;
};

// Keeps its memory from token to token. Not thread-safe.
class Candidates {
 public:
  // All tokens, ordered by id. Throws: DataError for a logit that is NaN or +infinity, and when all
  // are -infinity.
  void assign(std::span<const float> logits);  // [V]

  size_t size() const { return items_.size(); }
  // [i] is the i-th likeliest for i < the largest count given to sort_first.
  const Candidate& operator[](size_t i) const { return items_[i]; }
  std::span<const Candidate> items() const { return items_; }

  // Orders the first `count` (or all there are).
  void sort_first(size_t count);
  float max_logit() const;

  // Changes the logit of one token. Requires: nothing was sorted or dropped since assign.
  void set_logit(int32_t id, float logit);
  // Keeps the `count` likeliest.
  void keep_first(size_t count);
  // Keeps those with at least this logit.
  void keep_at_least(float logit);
  // Replaces every logit z by (z - max) / temperature. Requires: temperature > 0.
  void scale(double temperature);

 private:
  std::vector<Candidate> items_;
  size_t sorted_ = 0;   // items_[0, sorted_) are the likeliest, in order
  bool by_id_ = false;  // items_[i].id == i
};

}  // namespace llm::generate
