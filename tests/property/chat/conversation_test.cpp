// Oracle: a list of messages kept by hand, and for every reply a fresh session that is given those
// messages at once.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "llm/chat/conversation_file.h"
#include "llm/core/rng.h"
#include "support/temp_directory.h"
#include "unit/generate/fakes.h"

namespace llm::chat {
namespace {

using generate::testing::ByteTokenizer;
using generate::testing::HashModel;

constexpr int32_t kEndOfTurn = 257;
constexpr int64_t kContext = 260;

bool operator==(const text::ChatMessage& a, const text::ChatMessage& b) {
  return a.role == b.role && a.content == b.content;
}

// What a person believes the conversation to be.
struct Belief {
  std::vector<text::ChatMessage> messages;
  ChatSettings settings;
  int64_t attempt = 0;

  bool has_system() const { return !messages.empty() && messages[0].role == "system"; }
  bool has_turn() const { return messages.size() > (has_system() ? 1U : 0U); }
};

class ConversationProperty : public ::testing::TestWithParam<uint64_t> {
 protected:
  ChatSession session(HashModel& model, const ChatSettings& settings) const {
    return {model, tokenizer_, text::ChatTemplate::named("chatml"), {kEndOfTurn}, settings};
  }

  // What a session says that was never part of this conversation's history.
  Reply fresh_reply(const Belief& belief, const std::string& text) const {
    HashModel model(tokenizer_->vocab_size(), kContext);
    ChatSettings settings = belief.settings;
    if (settings.sampling.seed) *settings.sampling.seed += belief.attempt;
    ChatSession fresh = session(model, settings);
    fresh.set_messages(belief.messages);
    return fresh.reply(text);
  }

  void expect_as_fresh(const Reply& got, Belief& belief, const std::string& text) {
    const Reply fresh = fresh_reply(belief, text);
    EXPECT_EQ(got.generation.ids, fresh.generation.ids);
    EXPECT_EQ(got.generation.stats.prompt_tokens, fresh.generation.stats.prompt_tokens);
    EXPECT_EQ(got.dropped_messages, fresh.dropped_messages);
    dropped_ += got.dropped_messages;
    cached_ += got.generation.stats.cached_tokens;
    belief.messages.push_back({"user", text});
    belief.messages.push_back({"assistant", got.generation.text});
  }

  std::string words(core::PhiloxStream& random) const {
    static const std::vector<std::string> kWords = {"hi", " 한글", " <|im_end|>",
                                                    "\n", " why?", "🙂"};
    std::string out = "x";
    for (uint64_t n = random.next_below(8); n > 0; --n) out += kWords[random.next_below(6)];
    return out;
  }

  void step(ChatSession& s, Belief& belief, core::PhiloxStream& random) {
    switch (random.next_below(10)) {
      case 0:
        return regenerate(s, belief);
      case 1:
        return undo(s, belief);
      case 2:
        return change_system(s, belief, random);
      case 3:
        return change_settings(s, belief, random);
      case 4:
        return save_and_load(s, belief);
      case 5:
        if (random.next_below(4) > 0) return;
        s.clear();
        belief.messages.resize(belief.has_system() ? 1 : 0);
        return;
      default: {
        const std::string text = words(random);
        belief.attempt = 0;
        expect_as_fresh(s.reply(text), belief, text);
      }
    }
  }

  void regenerate(ChatSession& s, Belief& belief) {
    if (!belief.has_turn()) return;
    belief.messages.pop_back();
    const std::string text = belief.messages.back().content;
    belief.messages.pop_back();
    ++belief.attempt;
    expect_as_fresh(s.regenerate(), belief, text);
  }
  void undo(ChatSession& s, Belief& belief) {
    const auto text = s.undo();
    ASSERT_EQ(text.has_value(), belief.has_turn());
    if (!text) return;
    belief.messages.pop_back();
    EXPECT_EQ(*text, belief.messages.back().content);
    belief.messages.pop_back();
    belief.attempt = 0;
  }
  void change_system(ChatSession& s, Belief& belief, core::PhiloxStream& random) const {
    const std::string system = random.next_below(2) > 0 ? words(random) : "";
    s.set_system(system);
    if (belief.has_system()) belief.messages.erase(belief.messages.begin());
    if (!system.empty()) belief.messages.insert(belief.messages.begin(), {"system", system});
  }
  static void change_settings(ChatSession& s, Belief& belief, core::PhiloxStream& random) {
    belief.settings.sampling.temperature = random.next_below(2) > 0 ? 0.0 : 0.7;
    belief.settings.sampling.seed = static_cast<int64_t>(random.next_below(1000));
    belief.settings.max_tokens = 1 + static_cast<int64_t>(random.next_below(12));
    s.set_settings(belief.settings);
  }
  // Into a conversation of another kind, which the load replaces.
  void save_and_load(ChatSession& s, Belief& belief) const {
    if (s.messages().empty()) return;
    write_conversation(folder_ / "talk.json", conversation_of(s));
    s.set_messages({{"system", "other"}, {"user", "other"}});
    ChatSettings other;
    other.stop = {"x"};
    s.set_settings(other);
    restore(read_conversation(folder_ / "talk.json", {}), s);
    belief.attempt = 0;
  }

  std::shared_ptr<const ByteTokenizer> tokenizer_ =
      std::make_shared<ByteTokenizer>(std::vector<std::string>{"<|im_start|>", "<|im_end|>"});
  test::TempDirectory folder_;
  int64_t dropped_ = 0, cached_ = 0;
};

TEST_P(ConversationProperty, IsWhatItsMessagesSay) {
  core::PhiloxStream random(GetParam());
  Belief belief;
  belief.settings.sampling.seed = 1;
  belief.settings.max_tokens = 6;
  HashModel model(tokenizer_->vocab_size(), kContext);
  ChatSession s = session(model, belief.settings);
  for (int i = 0; i < 60; ++i) {
    step(s, belief, random);
    EXPECT_TRUE(std::ranges::equal(s.messages(), belief.messages,
                                   [](const auto& a, const auto& b) { return a == b; }));
    if (HasFailure()) FAIL() << "after step " << i;
  }
  EXPECT_GT(dropped_, 0) << "the context never was too short: this proves less than it should";
  EXPECT_GT(cached_, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ConversationProperty, ::testing::Range<uint64_t>(0, 12));

}  // namespace
}  // namespace llm::chat
