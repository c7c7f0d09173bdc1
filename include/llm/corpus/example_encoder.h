// Examples to token ids with a loss mask: which tokens the model shall learn to write.
//
// Dialogues are written by a chat template, and so are prompts and answers that were given as plain
// texts: training, evaluation and chat then see one format. Template "none" writes a plain prompt
// and its answer one behind the other and ends with EOS; prompt and answer are encoded apart from
// each other. Texts end with EOS, too. BOS stands where the template writes it, and without a
// template where the tokenizer itself would put it.
//
// The end-of-turn marker behind a trained answer is trained, once; what a template writes behind it
// (a newline) is not. Where a template ends without one, EOS takes its place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/corpus/example.h"
#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"

namespace llm::corpus {

// kAuto: every answer of messages and sharegpt rows, the answer alone of prompt_completion and
// alpaca rows. kAssistant: every answer. kCompletion: the answer (Example::completion). kLast: the
// last answer. kAll: every token. Texts are trained whole and ids as their labels say, always; of a
// pair, the two answers.
enum class TrainOn { kAuto, kAssistant, kCompletion, kAll, kLast };
const std::vector<std::pair<TrainOn, std::string>>& config_enum_names(TrainOn);

// What happens to documents above max_length. kKeepEndOfTurn: the last answer (of a text: its end)
// is cut before its end-of-turn marker, at a whole character; what stands before the answer stays
// whole, and when there is no room for any of the answer the row is left out. kDrop: the row is
// left out.
enum class Truncation { kKeepEndOfTurn, kDrop };
const std::vector<std::pair<Truncation, std::string>>& config_enum_names(Truncation);

inline constexpr const char* kAutoTemplate = "auto";
inline constexpr const char* kNoTemplate = "none";

struct EncodeConfig {
  std::string chat_template = kAutoTemplate;
  TrainOn train_on = TrainOn::kAuto;
  int64_t max_length = 1024;
  Truncation truncation = Truncation::kKeepEndOfTurn;

  template <class V>
  void visit(V& v) {
    v.field("template", chat_template,
            "chat template: auto (the model's own), none, a name such as chatml, or a Jinja file");
    v.field("train_on", train_on,
            "what of a dialogue is trained; auto: assistant for messages and sharegpt rows, "
            "completion for prompt_completion and alpaca rows");
    v.field("max_length", max_length, "longest document in tokens; 0: any length",
            core::at_least(0));
    v.field("truncation", truncation, "what happens to longer ones: cut, or left out");
  }
};

// The template that a config means: the model's own for "auto" (nothing when it has none), nothing
// for "none". `origin` names the model's own in messages (text::template_origin). Throws:
// ConfigError for a name that is none; FormatError for a text that is no template.
std::optional<text::ChatTemplate> example_template(const EncodeConfig& config,
                                                   const text::Tokenizer& tokenizer,
                                                   const std::string& origin = "");

// kTooLong, kEmpty and kUntrained are left out: above max_length and not to be cut; an answer to be
// trained, or a text, of nothing but white space; no token to be trained.
enum class ExampleOutcome { kKept, kTooLong, kEmpty, kUntrained };

struct EncodedExample {
  ExampleOutcome outcome = ExampleOutcome::kKept;
  ExampleFormat format = ExampleFormat::kText;
  std::string where;  // file:line
  bool is_pair = false;
  bool is_truncated = false;
  bool is_identical = false;                // the answers of a pair have the same ids
  std::vector<TrainingDocument> documents;  // of kKept: one; of a pair chosen, rejected
};

struct Draft;

// Immutable; encode() may be called from many threads.
class ExampleEncoder {
 public:
  // `chat_template` as example_template gives it.
  ExampleEncoder(EncodeConfig config, std::shared_ptr<const text::Tokenizer> tokenizer,
                 std::optional<text::ChatTemplate> chat_template);

  // The documents of a pair begin with the same prompt, and each is cut on its own.
  // Throws: DataError naming the example for messages that the template refuses or, under "none",
  // anything but plain texts, for ids outside the vocabulary, and for a pair whose prompt the
  // template writes in two ways; ConfigError when a dialogue meets "auto" and the model has no
  // template, when an answer's end-of-turn marker is no token of the tokenizer, and when EOS is
  // wanted and the tokenizer has none.
  EncodedExample encode(const Example& example) const;

  const EncodeConfig& config() const { return config_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  const std::optional<text::ChatTemplate>& chat_template() const { return template_; }

 private:
  std::vector<Draft> drafts_of(const Example& example, TrainOn train_on) const;

  EncodeConfig config_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::optional<text::ChatTemplate> template_;
};

}  // namespace llm::corpus
