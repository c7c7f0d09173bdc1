#include <algorithm>
#include <cctype>

#include "llm/core/config.h"

namespace llm::core {
namespace {

// Damerau-Levenshtein distance of adjacent transpositions (optimal string alignment).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = previous[j - 1] + (a[i - 1] != b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped =
          i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && a[i - 1] != b[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

std::string lower(std::string text) {
  for (char& c : text) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

std::string initials(const std::string& name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '_' && (i == 0 || name[i - 1] == '_')) out += name[i];
  }
  return out;
}

bool starts_with_word(const std::string& text, const std::string& word) {
  return text.size() > word.size() && text.starts_with(word) && text[word.size()] == '_';
}

// Smaller is nearer; at or above the limit the two are not alike.
constexpr size_t kUnlike = 1000;

size_t unlikeness(const std::string& a, const std::string& b) {
  const size_t distance = edit_distance(a, b);
  if (distance <= std::max<size_t>(1, std::max(a.size(), b.size()) / 3)) return distance;
  const bool abbreviates = (a.size() > 1 && initials(b) == a) || (b.size() > 1 && initials(a) == b);
  if (abbreviates) return 100;
  const bool extends =
      (b.size() > 2 && starts_with_word(a, b)) || (a.size() > 2 && starts_with_word(b, a));
  return extends ? 200 + distance : kUnlike;
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates) {
  size_t best = kUnlike;
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const size_t score = unlikeness(lower(name), lower(candidate));
    if (score < best) {
      best = score;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace llm::core
