// Perplexity of documents under a model.
//
//   nll(d) = -sum over scored tokens t of log p(x_t | tokens before it in its window)
//   perplexity = exp(sum nll / scored tokens)      bits per byte = sum nll / ln 2 / bytes of text
//
// Documents are independent: nothing of one is context of another. Log-probabilities come from
// kernels::linear_logprob, so the logits never exist as a whole; sums are kept in double.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/io/json.h"
#include "llm/nn/causal_lm.h"
#include "llm/text/tokenizer.h"

namespace llm::eval {

struct PerplexityOptions {
  int64_t context = 0;  // tokens in a window; 0: the model's trained length, at most 2048
  int64_t stride = 0;   // tokens scored by each window after the first; 0: context
  // Windows are packed into forwards of about so many tokens. 0: 1024 on a CPU, where more is no
  // faster and only keeps an interrupt waiting; 8192 on a GPU.
  int64_t batch_tokens = 0;
  // Called before every layer of a forward pass and after the pass, with the tokens scored so far.
  // What it throws ends the scoring.
  std::function<void(int64_t num_tokens)> progress = {};
};

// The first id is context only and never scored.
struct ScoredDocument {
  std::vector<int32_t> ids;
  int64_t num_bytes = 0;  // of the text whose tokens are scored
};

// What stands before a document's first token, so that this token has something to follow.
enum class Prefix {
  kAuto,  // BOS, else EOS, else none: as lm-evaluation-harness
  kBos,
  kEos,
  kNone  // the first token is not scored
};

// Puts the prefix before ids that stand for `num_bytes` of text; without one the first id's bytes
// no longer count. Throws: ConfigError when the tokenizer lacks the prefix asked for.
ScoredDocument with_prefix(const text::Tokenizer& tokenizer, std::vector<int32_t> ids,
                           int64_t num_bytes, Prefix prefix);
// Text to ids, without special tokens in it. Requires: valid UTF-8. Throws: as with_prefix.
ScoredDocument make_document(const text::Tokenizer& tokenizer, std::string_view text,
                             Prefix prefix);

struct DocumentScore {
  double nll = 0;
  int64_t num_tokens = 0;  // scored
};

struct PerplexityResult {
  int64_t context = 0;
  int64_t stride = 0;
  std::vector<DocumentScore> documents;  // in the order of add(); unscored ones have 0 tokens
  int64_t num_tokens = 0;                // scored
  int64_t num_bytes = 0;
  int64_t num_windows = 0;
  int64_t num_hits = 0;       // scored tokens that had the largest probability
  double nll = 0;             // natural log
  double sum_of_squares = 0;  // of the single tokens' nll

  double mean_nll() const;
  double perplexity() const;
  double bits_per_byte() const;  // NaN without bytes
  double accuracy() const;
  // Of mean_nll(). With two documents or more between documents (a ratio estimate: tokens of one
  // document are not independent), else between tokens. NaN when neither can be had.
  double standard_error() const;
  bool error_is_between_documents() const;
};

io::OrderedJson to_json(const PerplexityResult& result);

// Scores a stream of documents. Not thread-safe. Requires: the model outlives it.
class PerplexityScorer {
 public:
  // Throws: ConfigError for a stride outside [1, context].
  PerplexityScorer(nn::CausalLM& model, const PerplexityOptions& options);
  // Throws: DataError for an id outside the model's vocabulary.
  void add(const ScoredDocument& document);
  // Scores what still waits. Throws: DataError when no token was scored at all.
  PerplexityResult finish();

 private:
  struct Pending {
    size_t document = 0;
    std::vector<int32_t> ids;      // the window's inputs
    std::vector<int64_t> targets;  // kIgnoreTarget where an earlier window has scored
  };
  void score_pending();
  void count(const Pending& window, const float* logprob, const bool* hits);

  nn::CausalLM& model_;
  int64_t batch_tokens_;
  std::function<void(int64_t)> progress_;
  PerplexityResult result_;
  std::vector<Pending> pending_;
  int64_t pending_tokens_ = 0;
};

}  // namespace llm::eval
