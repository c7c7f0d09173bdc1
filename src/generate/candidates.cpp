#include "llm/generate/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::generate {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

[[noreturn]] void throw_not_finite(const std::string& got) {
  throw core::DataError({"logits", "finite numbers", got,
                         "The weights of this model are damaged or its training diverged"});
}

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  LLM_CHECK(!logits.empty());
  items_.resize(logits.size());
  float largest = -kInfinity;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] < kInfinity)) throw_not_finite(fmt::format("{} for token {}", logits[i], i));
    largest = std::max(largest, logits[i]);
    items_[i] = {static_cast<int32_t>(i), logits[i]};
  }
  if (largest == -kInfinity) throw_not_finite("-inf for every token");
  sorted_ = 0;
  by_id_ = true;
}

void Candidates::sort_first(size_t count) {
  count = std::min(count, items_.size());
  if (count <= sorted_) return;
  const auto begin = items_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  const auto middle = items_.begin() + static_cast<std::ptrdiff_t>(count);
  // A heap of `count` beats a partition while nearly no element enters it.
  constexpr size_t kHeapLimit = 256;
  if (count - sorted_ <= kHeapLimit) {
    std::partial_sort(begin, middle, items_.end(), likelier);
  } else {
    if (middle != items_.end()) std::nth_element(begin, middle, items_.end(), likelier);
    std::sort(begin, middle, likelier);
  }
  sorted_ = count;
  by_id_ = false;
}

float Candidates::max_logit() const {
  if (sorted_ > 0) return items_.front().logit;
  float largest = -kInfinity;
  for (const Candidate& item : items_) largest = std::max(largest, item.logit);
  return largest;
}

void Candidates::set_logit(int32_t id, float logit) {
  LLM_CHECK(by_id_ && id >= 0 && static_cast<size_t>(id) < items_.size(), "token {}", id);
  items_[static_cast<size_t>(id)].logit = logit;
}

void Candidates::keep_first(size_t count) {
  LLM_CHECK(count > 0);
  if (count >= items_.size()) return;
  sort_first(count);
  items_.resize(count);
  sorted_ = count;
}

void Candidates::keep_at_least(float logit) {
  std::erase_if(items_, [logit](const Candidate& item) { return item.logit < logit; });
  LLM_CHECK(!items_.empty());
  // What remains are the likeliest, in their old order.
  sorted_ = std::min(sorted_, items_.size());
  by_id_ = false;
}

void Candidates::scale(double temperature) {
  const float largest = max_logit();
  for (Candidate& item : items_) {
    item.logit = static_cast<float>((static_cast<double>(item.logit) - largest) / temperature);
  }
}

}  // namespace llm::generate
