#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "llm/eval/perplexity.h"

namespace llm::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Taylor linearisation of a ratio of sums, sum nll / sum tokens, over m documents:
// se^2 = m / (m - 1) * sum (nll_d - mean * tokens_d)^2 / (sum tokens)^2.
double error_between_documents(const PerplexityResult& result, int64_t num_scored) {
  const double mean = result.mean_nll();
  double squares = 0;
  for (const DocumentScore& document : result.documents) {
    const double residual = document.nll - mean * static_cast<double>(document.num_tokens);
    squares += residual * residual;
  }
  const auto m = static_cast<double>(num_scored);
  return std::sqrt(m / (m - 1) * squares) / static_cast<double>(result.num_tokens);
}

double error_between_tokens(const PerplexityResult& result) {
  const auto n = static_cast<double>(result.num_tokens);
  if (n < 2) return kNan;
  const double variance = (result.sum_of_squares - result.nll * result.nll / n) / (n - 1);
  return std::sqrt(std::max(variance, 0.0) / n);
}

int64_t num_scored_documents(const PerplexityResult& result) {
  return std::count_if(result.documents.begin(), result.documents.end(),
                       [](const DocumentScore& document) { return document.num_tokens > 0; });
}

// JSON has no NaN.
io::OrderedJson number(double value) {
  return std::isfinite(value) ? io::OrderedJson(value) : io::OrderedJson(nullptr);
}

}  // namespace

double PerplexityResult::mean_nll() const { return nll / static_cast<double>(num_tokens); }

double PerplexityResult::perplexity() const { return std::exp(mean_nll()); }

double PerplexityResult::bits_per_byte() const {
  return num_bytes > 0 ? nll / std::numbers::ln2 / static_cast<double>(num_bytes) : kNan;
}

double PerplexityResult::accuracy() const {
  return static_cast<double>(num_hits) / static_cast<double>(num_tokens);
}

bool PerplexityResult::error_is_between_documents() const {
  return num_scored_documents(*this) >= 2;
}

double PerplexityResult::standard_error() const {
  const int64_t num_scored = num_scored_documents(*this);
  return num_scored >= 2 ? error_between_documents(*this, num_scored) : error_between_tokens(*this);
}

io::OrderedJson to_json(const PerplexityResult& result) {
  const double error = result.standard_error();
  return {{"perplexity", number(result.perplexity())},
          {"perplexity_standard_error", number(result.perplexity() * error)},
          {"nll_per_token", number(result.mean_nll())},
          {"nll_per_token_standard_error", number(error)},
          {"standard_error_between", result.error_is_between_documents() ? "documents" : "tokens"},
          {"bits_per_byte", number(result.bits_per_byte())},
          {"token_accuracy", number(result.accuracy())},
          {"nll_sum", number(result.nll)},
          {"tokens", result.num_tokens},
          {"bytes", result.num_bytes},
          {"documents", result.documents.size()},
          {"documents_scored", num_scored_documents(result)},
          {"windows", result.num_windows},
          {"context", result.context},
          {"stride", result.stride}};
}

}  // namespace llm::eval
