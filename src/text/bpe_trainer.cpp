#include "llm/text/bpe_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/bpe_merger.h"
#include "text/byte_level.h"
#include "text/parallel_word_counter.h"
#include "text/pipeline_tokenizer.h"

namespace llm::text {
namespace {

constexpr const char* kPad = "<|pad|>";
constexpr int kNumReserved = 16;
constexpr int64_t kReportEvery = 256;  // merges

// In id order. The first ids never depend on the text, so that markers can be relied on.
std::vector<std::string> special_contents(const BpeTrainerConfig& config) {
  std::vector<std::string> contents = {kEndOfText, kPad};
  if (config.chat == "chatml") contents.insert(contents.end(), {"<|im_start|>", "<|im_end|>"});
  static_assert(kSmallestVocabSize == 256 + 2 + kNumReserved);
  for (int i = 0; i < kNumReserved; ++i) contents.push_back(fmt::format("<|reserved_{}|>", i));
  contents.insert(contents.end(), config.reserved.begin(), config.reserved.end());
  return contents;
}

void check_specials(const std::vector<std::string>& contents) {
  std::unordered_set<std::string_view> seen(byte_symbols().begin(), byte_symbols().end());
  for (const std::string& content : contents) {
    const bool valid = !content.empty() && find_invalid_utf8(content) == std::string::npos;
    if (!valid || !seen.insert(content).second)
      throw core::ConfigError({"--reserved", "different tokens of two or more characters",
                               "'" + replace_invalid_utf8(content) + "'", ""});
  }
}

void check_config(const BpeTrainerConfig& config, size_t num_specials) {
  const auto refuse = [](const char* key, std::string expected, std::string got) {
    throw core::ConfigError({key, std::move(expected), std::move(got), ""});
  };
  if (!config.chat.empty() && config.chat != "chatml")
    refuse("--chat", "chatml", "'" + config.chat + "'");
  if (config.num_threads < 1)
    refuse("--threads", "at least 1", fmt::format("{}", config.num_threads));
  if (config.max_token_bytes < 1)
    refuse("--max-token-bytes", "at least 1", fmt::format("{}", config.max_token_bytes));
  const auto least = static_cast<int64_t>(256 + num_specials);
  if (config.vocab_size < least)
    refuse("--vocab-size",
           fmt::format("at least {} (256 bytes and {} special tokens)", least, num_specials),
           fmt::format("{}", config.vocab_size));
}

// The vocabulary as it grows: specials, the 256 bytes, then merges.
class Vocabulary {
 public:
  Vocabulary(TokenizerSpec& spec, const std::vector<std::string>& specials)
      : rules_(spec.model.emplace<BpeRules>()) {
    for (const std::string& content : specials) {
      AddedToken token;
      token.content = content;
      token.id = add(content, 0);
      spec.added_tokens.push_back(std::move(token));
    }
    first_byte_ = static_cast<int32_t>(rules_.pieces.size());
    for (const std::string& symbol : byte_symbols()) add(symbol, 1);
  }

  int32_t byte_id(char byte) const { return first_byte_ + static_cast<uint8_t>(byte); }
  int64_t size() const { return static_cast<int64_t>(rules_.pieces.size()); }
  int64_t num_bytes(BpeMerger::Pair pair) const {
    return lengths_[pair.first] + lengths_[pair.second];
  }

  // The new id, or nothing when the joined piece is a token already (a special one, say).
  std::optional<int32_t> merge(BpeMerger::Pair pair) {
    std::string joined = rules_.pieces[pair.first] + rules_.pieces[pair.second];
    if (known_.contains(joined)) return std::nullopt;
    const int32_t id = add(std::move(joined), num_bytes(pair));
    rules_.merges.push_back(pair);
    rules_.merged.push_back(id);
    return id;
  }

 private:
  int32_t add(std::string piece, int64_t num_bytes) {
    known_.insert(piece);
    rules_.pieces.push_back(std::move(piece));
    lengths_.push_back(num_bytes);
    return static_cast<int32_t>(rules_.pieces.size() - 1);
  }

  BpeRules& rules_;
  std::vector<int64_t> lengths_;
  std::unordered_set<std::string> known_;
  int32_t first_byte_ = 0;
};

BpeMerger make_merger(const WordCounter& words, const Vocabulary& vocabulary) {
  BpeMerger merger;
  std::vector<BpeMerger::Symbol> symbols;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words.word(i).size() < 2) continue;
    symbols.clear();
    for (const char byte : words.word(i)) symbols.push_back(vocabulary.byte_id(byte));
    merger.add_word(symbols, words.count(i));
  }
  merger.start();
  return merger;
}

}  // namespace

struct BpeTrainer::State {
  explicit State(BpeTrainerConfig given)
      : config(std::move(given)),
        specials(special_contents(config)),
        pre_tokenizer(steps_named(config.pattern), "--pattern"),
        counter(pre_tokenizer, std::max(config.num_threads, 1)) {
    check_specials(specials);
    check_config(config, specials.size());
  }

  void merge_all(BpeMerger& merger, Vocabulary& vocabulary,
                 const std::function<void(const BpeTrainerProgress&)>& progress) const {
    const int64_t total = config.vocab_size - vocabulary.size();
    for (int64_t done = 0; done < total;) {
      const std::optional<BpeMerger::Best> best = merger.best();
      if (!best || best->count < std::max<uint64_t>(config.min_frequency, 1)) break;
      const bool too_long = vocabulary.num_bytes(best->pair) > config.max_token_bytes;
      const std::optional<int32_t> id = too_long ? std::nullopt : vocabulary.merge(best->pair);
      if (!id) {
        merger.discard(best->pair);
        continue;
      }
      merger.merge(best->pair, *id);
      if (++done % kReportEvery == 0 && progress)
        progress(
            {BpeTrainerPhase::kMerge, static_cast<uint64_t>(done), static_cast<uint64_t>(total)});
    }
  }

  BpeTrainerConfig config;
  std::vector<std::string> specials;
  PreTokenizer pre_tokenizer;
  ParallelWordCounter counter;
  std::atomic<uint64_t> bytes{0};
};

BpeTrainer::BpeTrainer(BpeTrainerConfig config)
    : state_(std::make_unique<State>(std::move(config))) {}
BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::add_text(std::string_view text) {
  if (const size_t bad = find_invalid_utf8(text); bad != std::string_view::npos)
    throw core::DataError(
        {"training text", "valid UTF-8", fmt::format("an invalid byte at {}", bad),
         "Clean the text, or choose a policy for invalid bytes where it is read"});
  state_->bytes += text.size();
  if (!text.empty()) state_->counter.add(text);
}

std::shared_ptr<const Tokenizer> BpeTrainer::train(
    const std::function<void(const BpeTrainerProgress&)>& progress) {
  const WordCounter words = state_->counter.finish();
  if (words.size() == 0)
    throw core::DataError({"training text", "some text", "none", "Are the input files empty?"});
  const uint64_t bytes = state_->bytes;
  if (progress) progress({BpeTrainerPhase::kCount, bytes, bytes});
  TokenizerSpec spec;
  spec.where = "trained tokenizer";
  spec.pre_tokenizer = state_->pre_tokenizer.steps();
  spec.decoder = {decoder_step(DecoderStep::Kind::kByteLevel)};
  Vocabulary vocabulary(spec, state_->specials);
  BpeMerger merger = make_merger(words, vocabulary);
  state_->merge_all(merger, vocabulary, progress);
  spec.roles.eos = kEndOfText;
  spec.roles.pad = kPad;
  return make_tokenizer(std::move(spec));
}

}  // namespace llm::text
